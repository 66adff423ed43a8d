"""Sums over ranges, formed from sums alone: nothing is subtracted, so that no light term drowns beside a heavy one.

With ``logs`` all values are logarithms, of what is summed and of the sums. Ranges that begin with the first place, or
end with the last, are summed on the way, without a branch, since which do is as good as random; of the inner ones short
ranges place by place, long ones by a tree over the places, whose node i has the children 2 i and 2 i + 1, and in which
a range is at most 2 log2(places) nodes.
"""

from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import log_add, total
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats, Indices


class Ranges(NamedTuple):
    """Ranges [first, last) of n places, (k,) each, sorted out.

    ``up`` is the end of a range that begins with the first place, and 0 of others; ``down`` the begin of one that ends
    with the last place, and n of others; ``inner`` names those that do neither, and aren't empty, ``inners`` of them.
    """

    first: Indices
    last: Indices
    up: Indices
    down: Indices
    inner: Indices
    inners: int


@scalar
def sort_out(first: Indices, last: Indices, n: int, up: Indices, down: Indices, inner: Indices) -> int:
    """Fill the rest of `Ranges`."""
    inners = 0
    for j in range(first.size):
        up[j], down[j] = 0, n
        if first[j] == 0:
            up[j] = last[j]
        elif last[j] == n:
            down[j] = first[j]
        elif first[j] < last[j]:
            inner[inners] = j
            inners += 1
    return inners


@scalar
def ranges_of(rows: Indices, inners: int) -> Ranges:
    """Return the ranges whose fields are the rows of one array."""
    return Ranges(rows[0], rows[1], rows[2], rows[3], rows[4], inners)


@scalar
def _add(a: float, b: float, logs: bool) -> float:
    return log_add(a, b) if logs else a + b


_SHORT = 64  # places; adding so many numbers in a row takes as long as finding a few nodes of a tree


@scalar
def sums_over(values: Floats, ranges: Ranges, logs: bool, work: Floats, out: Floats) -> None:
    """Fill out[q] = the sum of all values[j], first[j] <= q < last[j]; ``work`` has two rows of twice the places."""
    n, none = out.size, -np.inf if logs else 0.0
    ending, beginning, long = work[0, : n + 1], work[0, n + 1 : 2 * n + 2], False
    for q in range(n + 1):
        ending[q] = beginning[q] = none
    for q in range(n):
        out[q] = none
    for j in range(values.size):
        ending[ranges.up[j]] = _add(ending[ranges.up[j]], values[j], logs)
        beginning[ranges.down[j]] = _add(beginning[ranges.down[j]], values[j], logs)
    for i in range(ranges.inners):
        j = ranges.inner[i]
        if ranges.last[j] - ranges.first[j] > _SHORT:
            long = True
        else:
            for q in range(ranges.first[j], ranges.last[j]):
                out[q] = _add(out[q], values[j], logs)
    if long:
        _add_long(values, ranges, logs, work[1], out)
    s = none
    for q in range(n - 1, -1, -1):
        s = _add(s, ending[q + 1], logs)
        out[q] = _add(out[q], s, logs)
    s = none
    for q in range(n):
        s = _add(s, beginning[q], logs)
        out[q] = _add(out[q], s, logs)


@scalar
def _add_long(values: Floats, ranges: Ranges, logs: bool, tree: Floats, out: Floats) -> None:
    """Add the inner ranges that are long."""
    n = out.size
    for i in range(2 * n):
        tree[i] = -np.inf if logs else 0.0
    for i in range(ranges.inners):
        j = ranges.inner[i]
        begin, end = n + ranges.first[j], n + ranges.last[j]
        if end - begin <= _SHORT:
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
def range_sums(values: Floats, ranges: Ranges, logs: bool, work: Floats, out: Floats) -> None:
    """Fill out[j] = sum(values[first[j]:last[j]]); ``work`` as above."""
    n, tree, grown = values.size, work[1], False
    before, behind = work[0, : n + 1], work[0, n + 1 : 2 * n + 2]
    before[0] = behind[n] = -np.inf if logs else 0.0
    for q in range(n):
        before[q + 1] = _add(before[q], values[q], logs)
    for q in range(n - 1, -1, -1):
        behind[q] = _add(behind[q + 1], values[q], logs)
    for j in range(out.size):
        out[j] = _add(before[ranges.up[j]], behind[ranges.down[j]], logs)
    for i in range(ranges.inners):
        j = ranges.inner[i]
        if not logs and ranges.last[j] - ranges.first[j] <= _SHORT:
            out[j] = total(values[ranges.first[j] : ranges.last[j]])
            continue
        if not grown:
            grown = True
            for q in range(n):
                tree[n + q] = values[q]
            for m in range(n - 1, 0, -1):
                tree[m] = _add(tree[2 * m], tree[2 * m + 1], logs)
        out[j] = _of_leaves(tree, n + ranges.first[j], n + ranges.last[j], logs)


@scalar
def _of_leaves(tree: Floats, begin: int, end: int, logs: bool) -> float:
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
