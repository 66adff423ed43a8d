"""Memory: who may remember whom. Groups never mix, and within one only what came before can be remembered."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from kdelab.loss.validate import Floats, Integers, count, read_only

SHARE = 5  # a neighbourhood is at most a fifth of what is stored: BeepBoop's rule
ENOUGH = 50  # stored samples from which on a prediction is worth learning from: ten neighbours


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
    """What each sample of a table could have learned from: those of its group whose time came before its own.

    Parameters
    ----------
    group : array of int (n,)
        Samples of different groups know nothing of one another.
    time : array of int (n,)
        Samples of one time don't know each other either.

    Attributes
    ----------
    stored : array of int (n,)
        The size of each sample's memory.
    """

    def __init__(self, group: Integers, time: Integers) -> None:
        moment = time
        self._order = read_only(np.lexsort((moment, group)))  # stable: rows stay in the table's order within a time
        group, moment = group[self._order], moment[self._order]
        rank = np.arange(len(group))
        new_group = np.diff(group, prepend=-1) != 0
        new_time = new_group | (np.diff(moment, prepend=moment[:1]) != 0)
        self._start, self._end = (np.empty(len(rank), dtype=np.int64) for _ in range(2))
        self._start[self._order] = np.maximum.accumulate(np.where(new_group, rank, 0))
        self._end[self._order] = np.maximum.accumulate(np.where(new_time, rank, 0))
        self.stored: Integers = read_only(self._end - self._start)

    def rows(self, sample: int) -> Integers:
        """Return the rows of the table that one sample's memory holds, by time and then in the table's order."""
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
        by_memory = np.lexsort((self._end[wanted], self._start[wanted]))
        same = np.diff(self._end[wanted][by_memory]) == 0  # ends tell memories apart: each belongs to one group
        for queries in np.split(by_memory, np.flatnonzero(~same) + 1) if len(wanted) else []:
            memory = self.rows(wanted[queries[0]])
            k = int(sizes[queries[0]])
            # a median split sorts each level anew; on tables of this size the sliding midpoint is as fast to search
            tree = KDTree(positions[memory], balanced_tree=False)
            found, index = map(np.asarray, tree.query(positions[wanted[queries]], k=np.arange(1, k + 1), p=1))
            near = memory[index]
            order = np.lexsort((near, found), axis=1)
            places = offsets[queries][:, None] + np.arange(k)
            rows[places], distances[places] = (np.take_along_axis(part, order, axis=1) for part in (near, found))
        return Neighbourhood(offsets, rows, distances)
