"""A fit whose samples lie in parts: each part stays where it is, and parameters and sums alone travel.

The chain rule is done where the neighbours are, and sums are exact, so that neither the partition nor who computed what
shows in the result.
"""

import pickle
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from kdelab.extras import tqdm
from kdelab.learn.examples import Batch, Examples, Piece
from kdelab.learn.form import Form
from kdelab.learn.memory import Neighbourhood
from kdelab.learn.sums import exact_sums, rounded
from kdelab.loss.validate import Floats


class Part(NamedTuple):
    """Samples of which none remembers one of another part.

    Attributes
    ----------
    train, held_out : Examples
        They, and all that they hold, can be pickled.
    """

    train: Examples
    held_out: Examples


class Place(Protocol):
    """Where parts lie, and what is computed with each is computed.

    What is kept is named by a handle, which only the place itself can look behind.  A task is a function that can be
    pickled, called once for each row of the columns; those may hold handles, and the task gets what they stand for.
    """

    def store(self, title: str, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """Return a handle of ``task(*row)`` for every row; a bar with this title shows how far it is."""
        ...

    def hold(self, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """Return the same of what is large and quickly made: a place may make it anew each time it is asked for."""
        ...

    def ask(self, task: Callable[..., Any], handles: Sequence[Any], *given: Any) -> Iterator[Any]:
        """Yield ``task(what is behind the handle, *given)`` for each handle, in their order."""
        ...


class Resident:
    """The memory of this process."""

    def __init__(self, progress: bool = False) -> None:
        self.progress = progress

    def store(self, title: str, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """As of `Place`."""
        return [task(*row) for row in _each(title, columns, self.progress)]

    def hold(self, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """As of `Place`."""
        return [task(*row) for row in zip(*columns, strict=True)]

    def ask(self, task: Callable[..., Any], handles: Sequence[Any], *given: Any) -> Iterator[Any]:
        """As of `Place`."""
        return (task(each, *given) for each in handles)


class Streamed:
    """A folder on disk: one part at a time is in memory, and what is quickly made is made anew for each question.

    Parameters
    ----------
    scratch : Path
        An empty folder for what is stored; its owner removes it.
    progress : bool
    """

    def __init__(self, scratch: Path, progress: bool = False) -> None:
        self.scratch, self.progress, self._stored = scratch, progress, 0

    def store(self, title: str, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """As of `Place`."""
        return [self._kept(task(*map(_behind, row))) for row in _each(title, columns, self.progress)]

    def hold(self, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """As of `Place`."""
        return [_Anew(task, row) for row in zip(*columns, strict=True)]

    def ask(self, task: Callable[..., Any], handles: Sequence[Any], *given: Any) -> Iterator[Any]:
        """As of `Place`."""
        return (task(_behind(each), *given) for each in handles)

    def _kept(self, value: Any) -> "_OnDisk":
        self._stored += 1
        path = self.scratch / f"{self._stored}.pickle"
        with path.open("wb") as file:
            try:
                pickle.dump(value, file, protocol=5)
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                raise ValueError(f"model: a parameter can't be pickled, so no part can be kept: {error}") from error
        return _OnDisk(path)


class _OnDisk:
    """A handle of what lies in a file, which goes when nobody asks for it any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        weakref.finalize(self, path.unlink, missing_ok=True)


class _Anew(NamedTuple):
    """A handle of what is made when it is asked for."""

    task: Callable[..., Any]
    row: tuple[Any, ...]


def _behind(handle: Any) -> Any:
    """Return what a handle of `Streamed` stands for, and anything else as it is."""
    if isinstance(handle, _Anew):
        return handle.task(*map(_behind, handle.row))
    return pickle.loads(handle.path.read_bytes()) if isinstance(handle, _OnDisk) else handle


class Dealt:
    """Examples that lie in parts: what `kdelab.learn.fit.fit` takes.

    Parameters
    ----------
    place : Place
    parts : list
        Handles of each `Part`.
    name : "train" or "held_out"
        Which of a part's examples.
    form : Form
    """

    def __init__(self, place: Place, parts: list[Any], name: str, form: Form) -> None:
        self.form, self._place, self._parts, self._name = form, place, parts, name
        sizes, weights = zip(*place.ask(_weighed, parts, name), strict=True)
        self.size = sum(sizes)
        self._weight = float(rounded(np.sum(weights, axis=0))[0])

    def batch(self, theta: Floats) -> Batch:
        """Return the clusters that are retrieved with some parameters."""
        title = f"neighbours, {self._name.replace('_', ' ')}"
        found = self._place.store(title, partial(_found, name=self._name, theta=theta), self._parts)
        pieces = self._place.hold(partial(_prepared, name=self._name, weight=self._weight), self._parts, found)
        return Batch(self.form, lambda task, *given: self._place.ask(task, pieces, *given))


def _weighed(part: Part, name: str) -> tuple[int, Any]:
    """Return how many examples a part has, and the sum of their weights, unrounded."""
    weights = getattr(part, name).weights
    return len(weights), exact_sums(weights[:, None], np.ones(len(weights)))


def _found(part: Part, name: str, theta: Floats) -> Neighbourhood:
    found: Neighbourhood = getattr(part, name).nearest(theta)
    return found


def _prepared(part: Part, found: Neighbourhood, name: str, weight: float) -> Piece:
    piece: Piece = getattr(part, name).prepared(found, weight)
    return piece


def bar_of(title: str, parts: int, progress: bool) -> Any:
    """Return a bar that counts parts, and goes when they are done."""
    return tqdm(total=parts, desc=title, unit="part", disable=not progress, leave=False)


def _each(title: str, columns: Sequence[Sequence[Any]], progress: bool) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of columns, and show a bar meanwhile."""
    rows = list(zip(*columns, strict=True))
    with bar_of(title, len(rows), progress) as bar:
        for row in rows:
            yield row
            bar.update()
