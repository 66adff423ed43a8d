"""Sorting the few values of each cluster: in compiled code, many times as fast as one sort of the whole batch."""

import numpy as np

from kdelab.loss.arithmetic import HUGE, plus
from kdelab.loss.runtime import compiled, in_parallel, scalar
from kdelab.loss.validate import Floats, Indices, Integers, one_form

FEW = 512
"""So many are sorted by comparing every pair, several at a time."""


def order_within(offsets: Integers, values: Floats) -> Indices:
    """Return the order of each cluster's values, (total,): its numbers 0 to k - 1, one cluster behind the other."""
    order = np.empty(len(values), np.int32)
    in_parallel(_order, offsets, one_form(offsets, np.int64), one_form(values), order)
    return order


@compiled
def _order(first: int, stop: int, offsets: Integers, values: Floats, order: Indices) -> None:
    widest = 1
    for i in range(first, stop):
        widest = max(widest, offsets[i + 1] - offsets[i])
    sorted_values, work = np.empty(widest), np.empty((3, FEW))
    for i in range(first, stop):
        names = order[offsets[i] : offsets[i + 1]]
        of_cluster = sorted_values[: names.size]
        for j in range(names.size):
            of_cluster[j], names[j] = values[offsets[i] + j], j
        sort(of_cluster, names, work)


@scalar
def sort(values: Floats, names: Indices, work: Floats) -> None:
    """Sort finite values, and their names with them; ``work`` has three rows of `FEW` numbers.

    Few by how many lie before each, counted for four at a time; ties keep their order. Many by insertion over shrinking
    steps (Shell).
    """
    m, step = values.size, 1
    if m <= FEW:
        unsorted, whose, ranks = work[0], work[1], work[2]
        full = m + -m % 4
        for j in range(m):
            unsorted[j], whose[j] = values[j], names[j]
        for j in range(m, full):
            unsorted[j] = HUGE
        for j in range(0, full, 4):
            one, two, three, four = unsorted[j], unsorted[j + 1], unsorted[j + 2], unsorted[j + 3]
            a = b = c = d = 0.0
            for i in range(full):
                a = plus(a, 1.0 if unsorted[i] < one else 0.0)
                b = plus(b, 1.0 if unsorted[i] < two else 0.0)
                c = plus(c, 1.0 if unsorted[i] < three else 0.0)
                d = plus(d, 1.0 if unsorted[i] < four else 0.0)
            ranks[j], ranks[j + 1], ranks[j + 2], ranks[j + 3] = a, b, c, d
        for j in range(m):
            values[j] = np.inf  # nothing there yet
        for j in range(m):
            to = int(ranks[j])
            while values[to] < np.inf:
                to += 1
            values[to], names[to] = unsorted[j], int(whose[j])
        return
    while step < m // 9:
        step = 3 * step + 1
    while step > 0:
        for s in range(step, m):
            value, name, to = values[s], names[s], s
            while to >= step and values[to - step] > value:
                values[to], names[to] = values[to - step], names[to - step]
                to -= step
            values[to], names[to] = value, name
        step //= 3
