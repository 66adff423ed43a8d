"""Clusters: the neighbours of many predictions, ragged, in one flat array, with the target of each prediction."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss import tables
from kdelab.loss.parts import Part, cut
from kdelab.loss.ragged import Ragged, offsets_of, ranges, shuffled
from kdelab.loss.validate import Floats, Integers, count, instance, integers, positive, real, truths, vector


class Batch(NamedTuple):
    """Some whole predictions of a larger batch, and where they came from.

    ``logits[batch.rows]`` are the logits that go with ``batch.clusters``, and ``gradient[batch.rows] = ...`` puts
    their gradient back.
    """

    clusters: "Clusters"
    predictions: Integers
    rows: Integers | slice


class Clusters(Ragged):
    """A batch of clusters, one a prediction.

    It copies what it is given, once, and keeps it read-only: later changes of those arrays don't reach it, and
    attributes can't be set. `from_arrow` alone copies no points, since Arrow's buffers don't change.

    Parameters
    ----------
    points : array_like, (total,)
        The points x_j of all clusters, one cluster behind the other, in guess factors.
    offsets : array_like of int, (n + 1,)
        Cluster i is ``points[offsets[i]:offsets[i + 1]]``; it has at least one point.
    lower, upper : array_like, (n,)
        The target [a, b] of each prediction; ``lower == upper`` is one point, the thread's single bin, and so is a
        target narrower than the smallest normal number, 2.2e-308.

    Raises
    ------
    ValueError
        If anything is not finite, a target has lower > upper, a cluster is empty, or lengths do not fit.

    Examples
    --------
    >>> clusters = kdelab.Clusters([-0.3, 0.1, 0.2, 0.4, 0.6], offsets=[0, 3, 5], lower=[0.0, 0.1], upper=[0.2, 0.3])
    >>> clusters
    Clusters(2 predictions, 5 points, 2 to 3 a cluster)
    >>> clusters.points[clusters.offsets[1] :]
    array([0.4, 0.6])
    """

    points: Floats
    lower: Floats
    upper: Floats

    def __init__(self, points: ArrayLike, offsets: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> None:
        self._fill(vector("points", points, own=True), integers("offsets", offsets, own=True), lower, upper)

    def _fill(self, flat: Floats, ends: Integers, lower: ArrayLike, upper: ArrayLike) -> None:
        """Take points and offsets that are nobody else's, check everything against everything, and keep it."""
        if len(ends) == 0 or ends[0] != 0 or ends[-1] != len(flat):
            found = f"run from {ends[0]} to {ends[-1]}" if len(ends) else "are none"
            raise ValueError(f"offsets must run from 0 to the number of points, {len(flat)}, but they {found}")
        sizes = np.diff(ends)
        if (sizes < 1).any():
            i = int(np.argmax(sizes < 1))
            raise ValueError(
                f"offsets must increase, so that every cluster has a point, but offsets[{i}] is {ends[i]} and "
                f"offsets[{i + 1}] is {ends[i + 1]}"
            )
        left = vector("lower", lower, len(sizes), "one a cluster", own=True)
        right = vector("upper", upper, len(sizes), "one a cluster", own=True)
        if (left > right).any():
            first = int(np.argmax(left > right))
            raise ValueError(f"lower must not exceed upper, but in {int((left > right).sum())} targets it does: "
                             f"lower[{first}] is {left[first]}, upper[{first}] is {right[first]}")  # fmt: skip
        subnormal = (right > left) & (right - left < np.finfo(float).tiny)  # 1 / width would overflow
        if subnormal.any():
            right = np.where(subnormal, left, right)
        self.points, self.offsets, self.lower, self.upper = flat, ends, left, right

    @classmethod
    def from_lists(cls, points: Sequence[ArrayLike], lower: ArrayLike, upper: ArrayLike) -> "Clusters":
        """Build a batch from one array of points a prediction.

        Parameters
        ----------
        points : sequence of n one-dimensional arrays
        lower, upper : array_like, (n,)

        Raises
        ------
        ValueError
            As `Clusters` does, or if ``points`` isn't a sequence.
        """
        if not isinstance(points, Iterable):
            raise ValueError(f"points must be a sequence of arrays, one a prediction, not {type(points).__name__}")
        parts = [vector(f"points[{i}]", part) for i, part in enumerate(points)]
        for i, part in enumerate(parts):
            if len(part) == 0:
                raise ValueError(f"points[{i}] is empty: a cluster has at least one point")
        offsets = offsets_of(np.array([len(part) for part in parts], dtype=np.int64))
        made = object.__new__(cls)
        made._fill(np.concatenate(parts) if parts else np.empty(0), offsets, lower, upper)
        return made

    @classmethod
    def from_padded(
        cls, points: ArrayLike, lower: ArrayLike, upper: ArrayLike, mask: ArrayLike | None = None
    ) -> "Clusters":
        """Build a batch from a table with one row a prediction, as neural networks hold it.

        Parameters
        ----------
        points : array_like, (n, k)
        lower, upper : array_like, (n,)
        mask : array_like of bool, (n, k), optional
            True where there is a neighbour; what lies elsewhere isn't looked at, and may be NaN. Without it all are.

        Raises
        ------
        ValueError
            As `Clusters` does, or if shapes don't fit, or a row has no neighbour.

        Examples
        --------
        Logits go in by the same mask, and gradients come out by it:

        >>> mask = np.array([[True, True, True], [True, False, True]])
        >>> clusters = kdelab.Clusters.from_padded([[-0.3, 0.1, 0.2], [0.4, np.nan, 0.6]], [0.0, 0.1], [0.2, 0.3], mask)
        >>> logits = np.zeros((2, 3))
        >>> values, flat = kdelab.CrossEntropy(clusters, kdelab.Laplace(bandwidth=0.1)).value_and_grad(logits[mask])
        >>> gradient = np.zeros((2, 3))
        >>> gradient[mask] = flat
        >>> gradient.round(3)
        array([[ 0.309, -0.265, -0.044],
               [-0.381,  0.   ,  0.381]])
        """
        table = real("points", points)
        if table.ndim != 2 or (len(table) and not table.shape[1]):
            raise ValueError(f"points must be a table of n rows with a column at least, not of shape {table.shape}")
        kept = table if mask is None else table[truths("mask", mask, table.shape)]
        sizes = np.full(len(table), table.shape[1]) if mask is None else np.count_nonzero(np.asarray(mask), axis=1)
        if (sizes == 0).any():
            raise ValueError(f"mask must leave a neighbour in every row, but row {np.argmax(sizes == 0)} has none")
        made = object.__new__(cls)
        made._fill(vector("points", kept.reshape(-1), own=True), offsets_of(sizes), lower, upper)
        return made

    @classmethod
    def from_arrow(cls, points: Any, lower: Any, upper: Any) -> "Clusters":
        """Build a batch from a list column of Arrow, one list a prediction, without a copy of the points.

        `points` of the batch looks into Arrow's own buffer and keeps it alive. By Arrow's contract buffers are
        immutable, so it isn't copied as arrays are: where it was made of an array of NumPy, don't write into that.
        Values of another type than float64 are converted, several chunks put together, and both are copies; so is the
        column of a library that doesn't hold it as Arrow does. Offsets become int64.

        Parameters
        ----------
        points : Arrow column
            pyarrow's ListArray, LargeListArray, FixedSizeListArray (slices of them, too) or a ChunkedArray of them, or
            anything with Arrow's PyCapsule protocol: a polars Series of lists, a DuckDB relation of one column.
        lower, upper : array_like or Arrow column, (n,)

        Raises
        ------
        ValueError
            As `Clusters` does, or if a list or a value is missing, or the column isn't one of lists of numbers.

        Examples
        --------
        >>> import pyarrow
        >>> lists = pyarrow.array([[-0.3, 0.1, 0.2], [0.4, 0.6]])
        >>> clusters = kdelab.Clusters.from_arrow(lists, [0.0, 0.1], [0.2, 0.3])
        >>> clusters
        Clusters(2 predictions, 5 points, 2 to 3 a cluster)
        >>> np.shares_memory(clusters.points, lists.values.to_numpy())
        True
        """
        made = object.__new__(cls)
        targets = (tables.numbers(name, given) for name, given in (("lower", lower), ("upper", upper)))
        made._fill(*tables.lists("points", points), *targets)
        return made

    @classmethod
    def from_table(
        cls,
        table: Any,
        by: str | Sequence[str] | None = None,
        points: str = "points",
        lower: str = "lower",
        upper: str = "upper",
    ) -> "Clusters":
        """Build a batch from columns of a table: a row a neighbour, or a row a prediction with a column of lists.

        The points are copied (`from_arrow` doesn't copy a list column).

        Parameters
        ----------
        table : table
            A DataFrame of pandas or polars, a LazyFrame, a pyarrow Table, a DuckDB relation, or whatever else narwhals
            takes. What isn't computed yet is, once.
        by : str or sequence of str, optional
            With a row a neighbour, the columns that tell predictions apart. The rows of a prediction must stand
            together, so that the table's order is that of the points: a column of logits goes in as it is,
            ``table["logit"]``, and so come gradients out. Without it, a row is a prediction.
        points : str
            The column of the points: numbers, or lists of them if there is no `by`.
        lower, upper : str
            The columns of the targets, the same in all rows of a prediction.

        Raises
        ------
        ValueError
            As `Clusters` does, or if it is no table, lacks a column, or a value is missing; if the rows of a prediction
            lie apart, or their targets differ: with the column, and the first row where it does.

        Examples
        --------
        >>> import pandas
        >>> table = pandas.DataFrame({"shot": [7, 7, 7, 9, 9], "points": [-0.3, 0.1, 0.2, 0.4, 0.6]})
        >>> table = table.assign(lower=[0.0, 0.0, 0.0, 0.1, 0.1], upper=[0.2, 0.2, 0.2, 0.3, 0.3], logit=0.0)
        >>> clusters = kdelab.Clusters.from_table(table, by="shot")
        >>> kdelab.CrossEntropy(clusters, kdelab.Laplace(bandwidth=0.1)).value(table["logit"]).round(3)
        array([-0.56 ,  0.957])
        """
        keys = [] if by is None else [by] if isinstance(by, str) else tables.names_of("by", by)
        tables.names_of("points, lower and upper", (points, lower, upper))
        columns, _ = tables.arrow_of("table", table, [*keys, points, lower, upper])
        if keys:
            return cls(*tables.grouped(columns, keys, points, lower, upper))
        flat, offsets = tables.lists(f"table[{points!r}]", columns[points])
        return cls(flat, offsets, *(tables.numbers(f"table[{name!r}]", columns[name]) for name in (lower, upper)))

    @classmethod
    def concatenate(cls, batches: Iterable["Clusters"]) -> "Clusters":
        """Return one batch that holds the predictions of several, one behind the other."""
        if not isinstance(batches, Iterable):
            raise ValueError(f"batches must be an iterable of Clusters, not {batches!r}")
        parts = list(batches)
        if not parts:
            return cls(np.empty(0), [0], np.empty(0), np.empty(0))
        for i, part in enumerate(parts):
            instance(f"batches[{i}]", part, Clusters, "Clusters.from_lists(points, lower, upper)")
        points, lower, upper, sizes = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("points", "lower", "upper", "sizes")
        )
        return cls._of(points, offsets_of(sizes), lower, upper)

    @classmethod
    def _of(cls, points: Floats, offsets: Integers, lower: Floats, upper: Floats) -> "Clusters":
        """Build a batch from arrays that have been checked before and that nobody else holds."""
        return cls._with(points=points, offsets=offsets, lower=lower, upper=upper)

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def centres(self) -> Floats:
        """The middle of each target, (n,)."""
        return self.lower + (self.upper - self.lower) / 2

    def one_bin(self) -> "Clusters":
        """Return the same points with targets of one place each, their centres: the thread's single bin."""
        return self.aimed_at(self.centres, self.centres)

    def widened(self, factor: float) -> "Clusters":
        """Return the same points with targets ``factor`` times as wide, about the same centres."""
        half = (self.upper - self.lower) / 2 * positive("factor", factor)
        return self.aimed_at(self.centres - half, self.centres + half)

    def aimed_at(self, lower: ArrayLike, upper: ArrayLike) -> "Clusters":
        """Return the same points with other targets, (n,) each; errors as of `Clusters`."""
        return Clusters(self.points, self.offsets, lower, upper)

    def take(self, predictions: slice | ArrayLike) -> "Clusters":
        """Return the clusters of some predictions.

        Parameters
        ----------
        predictions : slice, (r,) int array or (n,) bool array
            Which, in which order. A slice without a step copies no point: the result looks into this batch, which
            nobody can change.

        Raises
        ------
        ValueError
            If a prediction is not there.
        """
        rows = self.rows(predictions)
        index = predictions if isinstance(predictions, slice) else self._index(predictions)
        sizes = self.sizes[index]
        return Clusters._of(self.points[rows], offsets_of(sizes), self.lower[index], self.upper[index])

    def rows(self, predictions: slice | ArrayLike) -> slice | Integers:
        """Return where the points of some predictions lie in flat arrays, such as the logits.

        Parameters and errors as in `take`. A slice without a step gives a slice.
        """
        if isinstance(predictions, slice):
            start, stop, step = predictions.indices(len(self))
            if step == 1:
                return slice(int(self.offsets[start]), int(self.offsets[max(start, stop)]))
        index = self._index(predictions)
        return ranges(self.offsets[index], self.sizes[index])

    def _index(self, predictions: slice | ArrayLike) -> Integers:
        if isinstance(predictions, slice):
            return np.arange(len(self))[predictions]
        chosen = real("predictions", predictions)
        if chosen.dtype == bool and chosen.shape == (len(self),):
            return np.flatnonzero(chosen)
        if chosen.ndim != 1 or (len(chosen) and chosen.dtype.kind not in "iu"):
            raise ValueError(f"predictions must be a slice, whole numbers or {len(self)} truth values, "
                             f"not an array of {chosen.dtype} of shape {chosen.shape}")  # fmt: skip
        index = integers("predictions", chosen)
        bad = (index < 0) | (index >= len(self))
        if bad.any():
            raise ValueError(f"predictions must lie between 0 and {len(self) - 1}, but "
                             f"predictions[{np.argmax(bad)}] is {index[np.argmax(bad)]}")  # fmt: skip
        return index

    def split(self, size: int) -> Iterator[Batch]:
        """Yield batches of ``size`` predictions (the last may be smaller) in order, as views: no point is copied."""
        size = count("size", size)
        for start in range(0, len(self), size):
            which = slice(start, min(start + size, len(self)))
            yield Batch(self.take(which), np.arange(which.start, which.stop), self.rows(which))

    def minibatches(self, rng: np.random.Generator, size: int) -> Iterator[Batch]:
        """Yield one epoch: batches of ``size`` whole predictions in random order, every prediction exactly once.

        Parameters
        ----------
        rng : numpy.random.Generator
            Shuffles anew at each call; ``Generator(PCG64(seed))`` gives the same batches on every platform.
        size : int
            Predictions a batch; the last batch may be smaller.

        Yields
        ------
        Batch
            ``clusters``, ``predictions`` and ``rows``; only one batch's points are copied at a time.

        Notes
        -----
        The gradients of an epoch's batches add up to the gradient of the whole, whatever the order.
        """
        size = count("size", size)
        order = shuffled(rng, len(self))
        for start in range(0, len(self), size):
            which = order[start : start + size]
            yield Batch(self.take(which), which, self.rows(which))

    def scatter(self, rng: np.random.Generator, parts: int) -> list[Part]:
        """Deal all points, shuffled, to ``parts`` parts of equal size (give or take one): clusters are cut apart.

        Each part remembers where its points came from. The loss and gradient of the whole come back from two passes
        over the parts: `kdelab.TwoPass`.
        """
        parts = count("parts", parts)
        assignment = np.empty(len(self.points), np.int64)
        assignment[shuffled(rng, len(assignment))] = np.arange(len(assignment)) * parts // max(len(assignment), 1)
        return cut(self.points, self.offsets, self.lower, self.upper, assignment, parts)

    def cut(self, assignment: ArrayLike, parts: int) -> list[Part]:
        """Cut clusters apart by a rule of one's own.

        Parameters
        ----------
        assignment : (total,) array of int
            The part, 0 to ``parts`` - 1, into which each point goes; a part may stay empty.
        parts : int

        Raises
        ------
        ValueError
            If there is not one assignment a point, or one names a part that isn't there.
        """
        parts = count("parts", parts)
        to = integers("assignment", assignment, len(self.points), "one a point")
        if len(to) and not 0 <= to.min() <= to.max() < parts:
            raise ValueError(
                f"assignment must hold whole numbers between 0 and {parts - 1}, since there are {parts} parts"
            )
        return cut(self.points, self.offsets, self.lower, self.upper, to, parts)

    def __iter__(self) -> Iterator[tuple[Floats, float, float]]:
        """Yield (points, lower, upper) of one cluster after the other, as views."""
        for part, lower, upper in zip(self.slices(), self.lower.tolist(), self.upper.tolist(), strict=True):
            yield self.points[part], lower, upper

    def __repr__(self) -> str:
        sizes = self.sizes
        spread = f"{sizes.min()} to {sizes.max()}" if len(sizes) else "no"
        return f"Clusters({len(self)} predictions, {len(self.points)} points, {spread} a cluster)"
