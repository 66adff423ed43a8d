"""Memory: who may remember whom. Groups never mix, and within one only what was known before can be remembered."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from kdelab.loss.validate import Floats, Integers, count, read_only

SHARE = 5  # a neighbourhood is at most a fifth of what is stored: BeepBoop's rule
ENOUGH = 50  # stored samples from which on a prediction is worth learning from: ten neighbours
_PAIRS = 2**22  # distances at a time between samples of one time


class Neighbourhood(NamedTuple):
    """The neighbours of several samples, nearest first, one's behind the other's.

    Attributes
    ----------
    offsets : array of int (n + 1,)
        The neighbours of the i-th sample are entries ``offsets[i]:offsets[i + 1]``.
    rows : array of int (total,)
        Rows of the table.
    distances : array (total,)
        Manhattan distances.
    """

    offsets: Integers
    rows: Integers
    distances: Floats


class Memory:
    """What each sample of a table could have learned from: those of its group that were known before it.

    Parameters
    ----------
    group : array of int (n,)
        Samples of different groups know nothing of one another.
    time : array of int (n,)
        What came at an earlier time is known.
    asked, known : array (n,), optional
        When, within its time, each sample asks, and from when on it is known to others of the same time; NaN: not
        before that time is over.  Without them samples of one time don't know each other.

    Attributes
    ----------
    stored : array of int (n,)
        The size of each sample's memory.

    Raises
    ------
    ValueError
        If there is one of `asked` and `known` without the other, or a sample would know itself.
    """

    def __init__(
        self, group: Integers, time: Integers, asked: Floats | None = None, known: Floats | None = None
    ) -> None:
        if (asked is None) != (known is None):
            raise ValueError("asked and known must be given together")
        if asked is None or known is None:
            order = np.lexsort((time, group))  # stable: rows stay in the table's order within a time
        elif (known <= asked).any():
            raise ValueError(
                f"known: sample {np.argmax(known <= asked)} is known as soon as it asks, so that it would know itself"
            )
        else:
            order = np.lexsort((known, time, group))  # NaN comes last
        rank = np.arange(len(order))
        new_group = np.diff(group[order], prepend=-1) != 0
        new_time = new_group | (np.diff(time[order], prepend=time[order][:1]) != 0)
        # in this order a memory is one piece: from the group's first sample to the last one known
        self._order = read_only(order)
        self._start, self._now, self._end = (np.empty(len(order), dtype=np.int64) for _ in range(3))
        self._start[order] = np.maximum.accumulate(np.where(new_group, rank, 0))
        self._now[order] = np.maximum.accumulate(np.where(new_time, rank, 0))
        self._end[order] = self._now[order]
        if asked is not None and known is not None:
            self._end[order] = _known_before(np.cumsum(new_time), asked[order], known[order])
        self.stored: Integers = read_only(self._end - self._start)

    def rows(self, sample: int) -> Integers:
        """Return the rows of the table that one sample's memory holds, by time and then in the table's order.

        Those that are known within their time come in the order in which they became known.
        """
        return self._order[self._start[sample] : self._end[sample]]

    def nearest(self, positions: Floats, wanted: Integers, neighbours: int, share: int = SHARE) -> Neighbourhood:
        """Return the nearest samples in memory, by Manhattan distance.

        Parameters
        ----------
        positions : array (samples, features)
            Where each sample of the whole table lies, features transformed and weighted.
        wanted : array of int (n,)
            Rows whose neighbours are sought.
        neighbours : int
            At most so many a sample, and at most ``stored / share`` of them, rounded down.
        share : int
            5 is BeepBoop's rule; 1 lets a neighbourhood be the whole memory.

        Returns
        -------
        Neighbourhood
            Nearest first; of equally near ones the lower row first.

        Raises
        ------
        ValueError
            If one of the samples has fewer than `share` stored, hence no neighbour.
        """
        count("neighbours", neighbours)
        sizes = np.minimum(neighbours, self.stored[wanted] // count("share", share))
        if (sizes < 1).any():
            first = int(wanted[np.argmax(sizes < 1)])
            raise ValueError(
                f"wanted: {int((sizes < 1).sum())} of {len(wanted)} samples have fewer than {share} in memory, so no "
                f"neighbour; the first is row {first}, with {self.stored[first]}"
            )
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        rows, distances = np.empty(offsets[-1], dtype=np.int64), np.empty(offsets[-1])
        by_memory = np.lexsort((self._end[wanted], self._now[wanted]))
        new_time = np.diff(self._now[wanted][by_memory]) != 0  # tells groups apart, too
        for queries in np.split(by_memory, np.flatnonzero(new_time) + 1) if len(wanted) else []:
            past = _Past(
                positions, self.rows(wanted[queries[-1]]), self._end[wanted[queries]] - self._now[wanted[queries]]
            )
            for part in _alike(sizes[queries], len(past.own)):
                k = int(sizes[queries[part[0]]])
                places = offsets[queries[part]][:, None] + np.arange(k)
                rows[places], distances[places] = past.nearest(positions[wanted[queries[part]]], part, k)
        return Neighbourhood(offsets, rows, distances)


class _Past:
    """What samples of one time remember: all of earlier times, and of their own so many of the first ones each.

    Parameters
    ----------
    positions : array (samples, features)
    memory : array of int
        The memory of the sample that remembers most, hence of all.
    recent : array of int (queries,)
        How many of its last entries, those of the same time, each sample knows; they are in ascending order.
    """

    def __init__(self, positions: Floats, memory: Integers, recent: Integers) -> None:
        self.old, self.own = np.split(memory, [len(memory) - recent[-1]])
        self.recent, self.places = recent, positions[self.own]
        # a median split sorts each level anew; on tables of this size the sliding midpoint is as fast to search
        self.tree = KDTree(positions[self.old], balanced_tree=False) if len(self.old) else None

    def nearest(self, targets: Floats, queries: Integers, k: int) -> tuple[Integers, Floats]:
        """Return rows and distances of the k nearest, (queries, k) each."""
        found, near = np.empty((len(targets), 0)), np.empty((len(targets), 0), dtype=np.int64)
        if self.tree is not None:
            first = np.arange(1, min(k, len(self.old)) + 1)
            found, index = map(np.asarray, self.tree.query(targets, k=first, p=1))
            near = self.old[index]
        if len(self.own) == 0:
            order = np.lexsort((near, found), axis=1)
            return np.take_along_axis(near, order, axis=1), np.take_along_axis(found, order, axis=1)
        own = np.zeros((len(targets), len(self.own)))
        for x, y in zip(targets.T, self.places.T, strict=True):  # one after the other, as the tree adds them up
            own += np.abs(x[:, None] - y)
        heard = np.arange(len(self.own)) < self.recent[queries, None]
        if found.shape[1] == k:
            heard &= own <= found[:, -1:]
        query, which = np.nonzero(heard)
        query = np.concatenate([np.repeat(np.arange(len(targets)), found.shape[1]), query])
        row = np.concatenate([near.ravel(), self.own[which]])
        distance = np.concatenate([found.ravel(), own[heard]])
        order = np.lexsort((row, distance, query))
        starts = np.searchsorted(query[order], np.arange(len(targets)))
        taken = order[starts[:, None] + np.arange(k)]
        return row[taken], distance[taken]


def _known_before(block: Integers, asked: Floats, known: Floats) -> Integers:
    """Return, for samples in the order of (block, known), how many of all come before what each doesn't know yet."""
    n = len(block)
    asks = np.repeat([0, 1], n)  # what is known from the very moment of asking on counts
    order = np.lexsort((asks, np.concatenate([known, asked]), np.tile(block, 2)))
    so_far = np.cumsum(order < n)
    counted = np.empty(2 * n, dtype=np.int64)
    counted[order] = so_far
    return counted[n:]


def _alike(sizes: Integers, own: int) -> list[Integers]:
    """Return places of equal sizes, ascending, in parts whose distances to so many others fit into memory."""
    runs = np.split(np.arange(len(sizes)), np.flatnonzero(np.diff(sizes)) + 1)
    step = max(1, _PAIRS // max(own, 1))
    return [run[i : i + step] for run in runs for i in range(0, len(run), step)]
