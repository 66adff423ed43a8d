"""Parts of a batch whose clusters are cut apart: together they hold every point once, and know where it came from."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kdelab.loss.frozen import Frozen
from kdelab.loss.validate import Floats, Integers, count, instance, integers, vector


@dataclass(frozen=True, eq=False)
class Part(Frozen):
    """Some points of a batch, torn out of their clusters: one of the parts that together hold every point once.

    It copies what it is given and keeps it read-only.

    Parameters
    ----------
    points : (m,) array
        Points in guess factors, in the order of their predictions; there may be none.
    prediction : (m,) array of int
        The prediction each point belongs to, not decreasing.
    rows : (m,) array of int
        The position of each point in the flat arrays of the whole batch.
    lower, upper : (n,) arrays
        The targets of all predictions of the whole batch.
    number, of : int
        This is part ``number`` (from 0) of ``of``.
    batch : str
        Names the batch and the way it was cut; parts with different names do not belong together.

    Raises
    ------
    ValueError
        If lengths differ, a prediction is out of range or out of order, or ``number`` is not below ``of``.
    """

    points: Floats
    prediction: Integers
    rows: Integers
    lower: Floats
    upper: Floats
    number: int
    of: int
    batch: str

    def __post_init__(self) -> None:
        points = vector("points", self.points, own=True)
        lower = vector("lower", self.lower, own=True)
        m, n = len(points), len(lower)
        prediction = integers("prediction", self.prediction, m, "one a point", own=True)
        if m and (prediction[0] < 0 or prediction[-1] >= n or (np.diff(prediction) < 0).any()):
            raise ValueError(
                f"prediction must not decrease and must lie between 0 and {n - 1}, the last of {n} targets"
            )
        rows = integers("rows", self.rows, m, "one a point", own=True)
        if m and rows.min() < 0:
            raise ValueError(f"rows must not be negative, but one is {rows.min()}")
        upper = vector("upper", self.upper, n, "one a target", own=True)
        of, number = count("of", self.of), count("number", self.number, 0)
        if number >= of:
            raise ValueError(f"number must lie between 0 and {of - 1}, since there are {of} parts, but it is {number}")
        kept = {"points": points, "prediction": prediction, "rows": rows, "lower": lower, "upper": upper}
        self.__setstate__({**kept, "number": number, "of": of})

    def __len__(self) -> int:
        return len(self.points)


def cut(
    points: Floats, offsets: Integers, lower: Floats, upper: Floats, assignment: Integers, parts: int
) -> list[Part]:
    """Return ``parts`` parts of a batch of clusters, point i in part ``assignment[i]``; see `Clusters.cut`."""
    prediction = np.repeat(np.arange(len(lower)), np.diff(offsets))
    digest = hashlib.blake2b(str(parts).encode(), digest_size=8)
    for array in (points, offsets, lower, upper, assignment):
        digest.update(np.ascontiguousarray(array).data)
    batch = digest.hexdigest()
    order = np.argsort(assignment, kind="stable")
    ends = np.searchsorted(assignment, np.arange(parts + 1), sorter=order)
    made = []
    for number in range(parts):
        rows = order[ends[number] : ends[number + 1]]
        made.append(
            Part._with(
                points=points[rows], prediction=prediction[rows], rows=rows, lower=lower,
                upper=upper, number=number, of=parts, batch=batch,
            )
        )  # fmt: skip
    return made


def known(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts as a tuple, or raise a ValueError if there are none or one is something else."""
    if not isinstance(parts, Iterable) or not (given := tuple(parts)):
        raise ValueError(f"parts must not be empty, but a sequence of Part, not {parts!r}")
    return tuple(instance(f"parts[{i}]", part, Part, "one of clusters.scatter(rng, 4)") for i, part in enumerate(given))
