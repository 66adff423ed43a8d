"""Sums over ranges, formed from sums alone: nothing is subtracted, so that no light term drowns beside a heavy one.

With ``logs``, True or None, all values are logarithms, of what is summed and of the sums; not False but None, so that
code for logarithms is compiled only where it is asked for. Ranges that begin with the first place are summed in the
order of their ends, those that end with the last in that of their begins; of the inner ones short ranges place by
place, long ones by a tree over the places, whose node i has the children 2 i and 2 i + 1, and in which a range is at
most 2 log2(places) nodes.
"""

from typing import Any, NamedTuple

import numpy as np

from kdelab.loss.arithmetic import log_add, total
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats, Indices


class Ranges(NamedTuple):
    """Ranges [first, last) of places, (k,) each, sorted out.

    ``order`` names those that begin with the first place, the first to end first, up to ``ups``; then those that end
    with the last, the first to begin first, up to ``downs``; then the inner ones, up to ``inners``. Empty ones are left
    out. Of each place, ``ended`` is how many of the first sort have ended there, ``begun`` how many of the second have
    begun.
    """

    first: Indices
    last: Indices
    order: Indices
    ended: Indices
    begun: Indices
    ups: Any
    downs: Any
    inners: Any


@scalar
def of_places(ranges: Ranges, mine: slice, places: slice, i: int) -> Ranges:
    """Return batch i of the ranges of several batches, in which its ranges and its places are those that are given."""
    return Ranges(
        ranges.first[mine], ranges.last[mine], ranges.order[mine], ranges.ended[places], ranges.begun[places],
        ranges.ups[i], ranges.downs[i], ranges.inners[i],
    )  # fmt: skip


@scalar
def sort_out(ranges: Ranges, n: int, by_begin: Indices, by_end: Indices) -> tuple[int, int, int]:
    """Fill order, ended and begun for n places, by the orders in which ranges begin and end; return the three numbers.

    Of ranges that begin at one place any may come first, and so of those that end at one.
    """
    first, last, order, ended, begun, at = ranges.first, ranges.last, ranges.order, ranges.ended, ranges.begun, 0
    for q in range(n):
        ended[q] = begun[q] = 0
    for j in by_end:
        if first[j] == 0 and last[j] > 0:
            order[at] = j
            at += 1
            if last[j] < n:
                ended[last[j]] += 1
    ups = at
    for j in by_begin:
        if 0 < first[j] < n and last[j] == n:
            order[at] = j
            at += 1
            begun[first[j]] += 1
    downs = at
    for j in by_begin:
        if 0 < first[j] < last[j] < n:
            order[at] = j
            at += 1
    for q in range(1, n):
        ended[q] += ended[q - 1]
        begun[q] += begun[q - 1]
    return ups, downs, at


@scalar
def _add(a: float, b: float, logs: bool | None) -> float:
    if logs is None:
        return a + b
    return log_add(a, b)


@scalar
def _nothing(logs: bool | None) -> float:
    if logs is None:
        return 0.0
    return -np.inf


# Places: adding a number to so many takes as long as finding a few nodes of a tree.
_SHORT, _SHORT_IN_LOGS = 256, 16


@scalar
def _short(logs: bool | None) -> int:
    return _SHORT if logs is None else _SHORT_IN_LOGS


@scalar
def sums_over(values: Floats, ranges: Ranges, logs: bool | None, work: Floats, out: Floats) -> None:
    """Fill out[q] = the sum of all values[j], first[j] <= q < last[j]; ``work`` has two rows of twice the places.

    They must have room for all ranges and one more, too.
    """
    none, long = _nothing(logs), False
    order, up, down = ranges.order, work[0], work[1]
    s = up[ranges.ups] = none
    for i in range(ranges.ups - 1, -1, -1):
        s = _add(s, values[order[i]], logs)
        up[i] = s
    s = down[0] = none
    for i in range(ranges.ups, ranges.downs):
        s = _add(s, values[order[i]], logs)
        down[i - ranges.ups + 1] = s
    for q in range(out.size):
        out[q] = _add(up[ranges.ended[q]], down[ranges.begun[q]], logs)
    for i in range(ranges.downs, ranges.inners):
        j = order[i]
        under = out[ranges.first[j] : ranges.last[j]]
        if under.size > _short(logs):
            long = True
        else:
            for q in range(under.size):
                under[q] = _add(under[q], values[j], logs)
    if long:
        _add_long(values, ranges, logs, work[1], out)


@scalar
def _add_long(values: Floats, ranges: Ranges, logs: bool | None, tree: Floats, out: Floats) -> None:
    """Add the inner ranges that are long."""
    n = out.size
    for i in range(2 * n):
        tree[i] = _nothing(logs)
    for i in range(ranges.downs, ranges.inners):
        j = ranges.order[i]
        begin, end = n + ranges.first[j], n + ranges.last[j]
        if end - begin <= _short(logs):
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
def range_sums(values: Floats, ranges: Ranges, logs: bool | None, work: Floats, out: Floats) -> None:
    """Fill out[j] = sum(values[first[j]:last[j]]); ``work`` as above."""
    n, order, tree, grown, none = values.size, ranges.order, work[1], False, _nothing(logs)
    before, behind = work[0, : n + 1], work[0, n + 1 : 2 * n + 2]
    for j in range(out.size):
        out[j] = none
    s = t = before[0] = behind[n] = none
    for q in range(n):
        s, t = _add(s, values[q], logs), _add(t, values[n - 1 - q], logs)
        before[q + 1], behind[n - 1 - q] = s, t
    for i in range(ranges.ups):
        out[order[i]] = before[ranges.last[order[i]]]
    for i in range(ranges.ups, ranges.downs):
        out[order[i]] = behind[ranges.first[order[i]]]
    for i in range(ranges.downs, ranges.inners):
        j = order[i]
        if logs is None and ranges.last[j] - ranges.first[j] <= _SHORT:
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
def _of_leaves(tree: Floats, begin: int, end: int, logs: bool | None) -> float:
    """Return the sum of the leaves begin to end."""
    s = _nothing(logs)
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
