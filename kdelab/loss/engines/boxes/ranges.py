"""Sums over ranges, formed from sums alone: nothing is subtracted, so that no light term drowns beside a heavy one.

With ``logs`` all values are logarithms, of what is summed and of the sums. Ranges that begin with the first place, or
end with the last, are summed on the way, short ones place by place; others by a tree over the places, whose node i has
the children 2 i and 2 i + 1, and in which a range is at most 2 log2(places) nodes.
"""

from typing import Any

import numpy as np

from kdelab.loss.arithmetic import log_add, total
from kdelab.loss.runtime import scalar


@scalar
def _add(a: float, b: float, logs: bool) -> float:
    return log_add(a, b) if logs else a + b


_SHORT = 64  # places; adding so many numbers in a row takes as long as finding a few nodes of a tree


@scalar
def sums_over(values: Any, first: Any, last: Any, logs: bool, work: Any, out: Any) -> None:
    """Fill out[q] = the sum of all values[j], first[j] <= q < last[j]; ``work`` has two rows of twice the places."""
    n, none, tree = out.size, -np.inf if logs else 0.0, work[1]
    ending, beginning, long = work[0, : n + 1], work[0, n + 1 : 2 * n + 2], False
    for q in range(n + 1):
        ending[q] = beginning[q] = none
    for q in range(n):
        out[q] = none
    for j in range(values.size):
        if first[j] == 0:
            ending[last[j]] = _add(ending[last[j]], values[j], logs)
        elif last[j] == n:
            beginning[first[j]] = _add(beginning[first[j]], values[j], logs)
        elif last[j] - first[j] > _SHORT:
            long = True
        elif logs:
            for q in range(first[j], last[j]):
                out[q] = log_add(out[q], values[j])
        else:
            for q in range(first[j], last[j]):
                out[q] += values[j]
    if long:
        _add_long(values, first, last, logs, tree, out)
    s = none
    for q in range(n - 1, -1, -1):
        s = _add(s, ending[q + 1], logs)
        out[q] = _add(out[q], s, logs)
    s = none
    for q in range(n):
        s = _add(s, beginning[q], logs)
        out[q] = _add(out[q], s, logs)


@scalar
def _add_long(values: Any, first: Any, last: Any, logs: bool, tree: Any, out: Any) -> None:
    """Add the ranges that are long and touch neither end."""
    n = out.size
    for i in range(2 * n):
        tree[i] = -np.inf if logs else 0.0
    for j in range(values.size):
        begin, end = n + first[j], n + last[j]
        if first[j] == 0 or last[j] == n or end - begin <= _SHORT:
            continue
        while begin < end:
            if begin & 1:
                tree[begin] = _add(tree[begin], values[j], logs)
                begin += 1
            if end & 1:
                end -= 1
                tree[end] = _add(tree[end], values[j], logs)
            begin >>= 1
            end >>= 1
    for i in range(1, n):
        tree[2 * i] = _add(tree[2 * i], tree[i], logs)
        tree[2 * i + 1] = _add(tree[2 * i + 1], tree[i], logs)
    for q in range(n):
        out[q] = _add(out[q], tree[n + q], logs)


@scalar
def range_sums(values: Any, first: Any, last: Any, logs: bool, work: Any, out: Any) -> None:
    """Fill out[j] = sum(values[first[j]:last[j]]); ``work`` as above."""
    n, none, tree = values.size, -np.inf if logs else 0.0, work[1]
    before, behind = work[0, : n + 1], work[0, n + 1 : 2 * n + 2]
    before[0] = behind[n] = none
    for q in range(n):
        before[q + 1] = _add(before[q], values[q], logs)
    for q in range(n - 1, -1, -1):
        behind[q] = _add(behind[q + 1], values[q], logs)
    grown = False
    for j in range(out.size):
        if first[j] == 0:
            out[j] = before[last[j]]
        elif last[j] == n:
            out[j] = behind[first[j]]
        elif not logs and last[j] - first[j] <= _SHORT:
            out[j] = total(values[first[j] : last[j]])
        else:
            if not grown:
                grown = True
                for q in range(n):
                    tree[n + q] = values[q]
                for i in range(n - 1, 0, -1):
                    tree[i] = _add(tree[2 * i], tree[2 * i + 1], logs)
            out[j] = _of_range(tree, n + first[j], n + last[j], logs)


@scalar
def _of_range(tree: Any, begin: int, end: int, logs: bool) -> float:
    """Return the sum of the leaves begin to end."""
    s = -np.inf if logs else 0.0
    while begin < end:
        if begin & 1:
            s = _add(s, tree[begin], logs)
            begin += 1
        if end & 1:
            end -= 1
            s = _add(s, tree[end], logs)
        begin >>= 1
        end >>= 1
    return s
