"""Memory without time: each sample's neighbours are the other samples, or those of other groups."""

from itertools import starmap

import numpy as np
from scipy.spatial import KDTree

from kdelab.learn.memory import Memory, Neighbourhood
from kdelab.loss.ragged import offsets_of
from kdelab.loss.validate import Floats, Integers, count, integers, one_form, read_only

_PAIRS = 2**22  # distances that are held at a time


class Others(Memory):
    """What each sample of a table may learn from: all samples but those of its own group.

    Parameters
    ----------
    group : array of int (n,)
        From 0 on; ``arange(n)``: each sample knows all but itself.
    workers : int
        Threads that look for neighbours; no answer depends on it.

    Attributes
    ----------
    stored : array of int (n,)
        The size of each sample's memory.

    Examples
    --------
    >>> positions = np.array([[0.0], [0.1], [0.3], [0.9]])
    >>> Others(np.array([0, 0, 1, 2])).nearest(positions, np.array([0]), 2).rows
    array([2, 3])
    """

    def __init__(self, group: Integers, workers: int = 1) -> None:
        self._group, self._workers = integers("group", group, own=True), workers
        self.stored: Integers = read_only(len(self._group) - np.bincount(self._group)[self._group])
        self._last: tuple[tuple[Floats, Integers, int, int], Neighbourhood] | None = None

    def rows(self, sample: int) -> Integers:
        """Return the rows of the table that one sample's memory holds, ascending."""
        return np.flatnonzero(self._group != self._group[sample])

    def nearest(self, positions: Floats, wanted: Integers, neighbours: int, share: int = 1) -> Neighbourhood:
        """Return the nearest samples in memory, by Manhattan distance; arguments and order as of `Memory.nearest`.

        The last answer is kept: training begins with the very question that judging ended with.

        Raises
        ------
        ValueError
            If one of the samples has fewer than `share` in memory, hence no neighbour.
        """
        count("neighbours", neighbours)
        question = positions, wanted, neighbours, share
        if self._last is None or not all(starmap(np.array_equal, zip(self._last[0], question, strict=True))):
            sizes = np.minimum(neighbours, self.stored[wanted] // count("share", share))
            if (sizes < 1).any():
                first = int(wanted[np.argmax(sizes < 1)])
                raise ValueError(f"wanted: row {first} has {self.stored[first]} others in memory, so no neighbour")
            tree = KDTree(positions, balanced_tree=False)
            found = search(tree, positions[wanted], sizes, self._group, self._group[wanted], self._workers)
            self._last = question, found
        return self._last[1]


def search(
    tree: KDTree,
    targets: Floats,
    sizes: Integers,
    group: Integers | None = None,
    own: Integers | None = None,
    workers: int = 1,
) -> Neighbourhood:
    """Return the nearest points of a tree, by Manhattan distance: of equally near ones the lower row first.

    Parameters
    ----------
    tree : KDTree
    targets : array (n, features)
    sizes : array of int (n,)
        How many for each target.
    group, own : array of int (points,) and (n,), optional
        Of each point, and of each target: points of a target's own group don't count. All count without them.
    workers : int
        Threads.

    Returns
    -------
    Neighbourhood
    """
    offsets = offsets_of(sizes)
    rows, distances = np.empty(offsets[-1], dtype=np.int64), np.empty(offsets[-1])
    unanswered, asked = np.arange(len(targets)), min(tree.n, int(sizes.max(initial=1)) + 2)
    while len(unanswered):
        left = []
        for part in np.array_split(unanswered, -(-len(unanswered) * asked // _PAIRS)):
            far, near = map(np.asarray, tree.query(targets[part], k=np.arange(1, asked + 1), p=1, workers=workers))
            order = np.lexsort((near, far), axis=1)
            far, near = (np.take_along_axis(found, order, axis=1) for found in (far, near))
            counts = np.ones(near.shape, dtype=bool)
            if group is not None and own is not None:
                counts = group[near] != own[part, None]
            place = np.cumsum(counts, axis=1)
            taken = counts & (place <= sizes[part, None])
            # an equally near one of a lower row may lie beyond what was asked for
            farthest = np.max(far, axis=1, where=taken, initial=0.0)
            answered = ((place[:, -1] >= sizes[part]) & (farthest < far[:, -1])) | (asked == tree.n)
            taken &= answered[:, None]
            to = (offsets[part][:, None] + place - 1)[taken]
            rows[to], distances[to] = near[taken], far[taken]
            left.append(part[~answered])
        unanswered, asked = np.concatenate(left), min(2 * asked, tree.n)
    return Neighbourhood(offsets, one_form(rows, np.int64), distances)
