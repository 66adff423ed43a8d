"""Fits of more data than one memory or one machine holds: here, streamed, or by Dask's workers.

The data are a folder of Parquet parts, cut by whole battles.

``fit(model, folder)`` computes in this process; ``streamed=True`` holds one part in memory at a time; with the
``address`` of a Dask scheduler parts stay in its workers, and parameters and sums alone travel.  What is learned is the
same in all three, to the last bit, and whatever the partition.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kdelab.extras import load
from kdelab.learn.parts import Place, Resident, Streamed, bar_of
from kdelab.loss.runtime import at_most

Model = TypeVar("Model")

PATIENCE = 10  # seconds
ADVICE = "start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`"
AGAIN = "call again: with a checkpoint the fit goes on where it was, and battles that were fought aren't fought again"


def fit(
    model: Model,
    folder: str | Path,
    address: str | None = None,
    *,
    streamed: bool = False,
    checkpoint: str | Path | None = None,
    sample_weight: str | None = None,
    scratch: str | Path | None = None,
) -> Model:
    """Fit a model on a folder of Parquet parts.

    Parameters
    ----------
    model : NeighbourModel
        A gun; its own ``progress`` says whether bars are shown.
    folder : str or Path
        Its ``.parquet`` files are the parts, each with whole battles: `kdelab.gun.waves.parts.save_parts` cuts a table
        like that.  Workers read it under the same path.
    address : str, optional
        Of a Dask scheduler, "tcp://10.0.0.1:8786" say.  Workers are best started with one thread each.
    streamed : bool
        Whether to hold only one part at a time in memory; neighbours are kept on disk.
    checkpoint : path, optional
        As of `NeighbourModel.fit`: what was cut short goes on from there, here or on another machine.
    sample_weight : str, optional
        The column that says how much each sample counts; by default all count alike.
    scratch : path, optional
        Where `streamed` makes its temporary folder: some 16 bytes a neighbour, and the parts' features once.

    Returns
    -------
    The model itself, fitted: the same, to the last bit, as on one table of all parts, but for what it knows of the
    table's rounds and rows (``rounds_`` is None, as of a gun that was read from a file).

    Raises
    ------
    ValueError
        If the model can't be fitted in parts, or all that is wrong with the folder, by file and column; nothing is
        computed before that is known.
    ConnectionError
        If the scheduler can't be reached or goes away, it has no worker left, or a task takes one worker after the
        other with it; the fit can be resumed from its checkpoint.
    MissingExtra
        If there is an address, and no Dask.
    """
    if not hasattr(model, "_fit_in_parts"):
        given = type(model).__name__
        raise ValueError(f"model must be a kdelab.NeighbourModel, not {given}, whose neighbours may lie in other parts")
    if address is not None and streamed:
        raise ValueError("streamed: workers hold their parts in memory; leave out either address or streamed")
    if scratch is not None and not Path(scratch).is_dir():
        raise ValueError(f"scratch={str(scratch)!r} must be a folder that is there")
    progress = bool(getattr(model, "progress", False))
    with _place(address, streamed, scratch, progress) as place:
        return model._fit_in_parts(folder, place, checkpoint, sample_weight)


@contextmanager
def _place(address: str | None, streamed: bool, scratch: str | Path | None, progress: bool) -> Iterator[Place]:
    if address is not None:
        with connected(address) as client:
            yield Workers(client, progress)
    elif streamed:
        with tempfile.TemporaryDirectory(prefix="kdelab-", dir=scratch) as folder:
            yield Streamed(Path(folder), progress)
    else:
        yield Resident(progress)


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Give a client of a Dask scheduler.

    Raises
    ------
    ConnectionError
        If the scheduler can't be reached, has no worker, or goes away meanwhile.
    MissingExtra
        If Dask isn't installed.
    """
    dask, this = load("distributed", "distributed"), f"address={address!r}"
    try:
        client = dask.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError; ValueError: no address at all
        raise ConnectionError(f"{this}: no Dask scheduler answers there; {ADVICE}") from error
    try:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise ConnectionError(f"{this}: the scheduler has no worker; {ADVICE}") from error
        yield client
    except (CancelledError, dask.comm.CommClosedError) as error:
        raise ConnectionError(f"{this}: the scheduler is gone; {ADVICE}, and {AGAIN}") from error
    except dask.scheduler.KilledWorker as error:
        raise ConnectionError(
            f"{this}: one worker after the other has ended over the same part, of which there may be more than its "
            f"memory holds; cut smaller parts, and {AGAIN}"
        ) from error
    finally:
        with suppress(Exception):  # there may be nobody left to say goodbye to
            client.close(timeout=2)


class Workers:
    """The workers of a Dask cluster: what one that is lost held is made again by another.

    Parameters
    ----------
    client : distributed.Client
    progress : bool
    """

    def __init__(self, client: Any, progress: bool = False) -> None:
        self.client, self.progress = client, progress

    def store(self, title: str, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """As of `kdelab.learn.parts.Place`."""
        handles = self.hold(task, *columns)
        if self.progress:
            self._wait(handles, title)
        return handles

    def hold(self, task: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        """As of `kdelab.learn.parts.Place`."""
        handles: list[Any] = self.client.map(partial(_alone, task), *columns, pure=False)
        return handles

    def ask(self, task: Callable[..., Any], handles: Sequence[Any], *given: Any) -> Iterator[Any]:
        """As of `kdelab.learn.parts.Place`."""
        answers = self.client.map(partial(_asked, task, given), handles, pure=False)
        self._wait(answers)
        yield from self.client.gather(answers)

    def _wait(self, futures: Sequence[Any], title: str = "") -> None:
        """Wait until all are done, with a bar if it has a title; ConnectionError if there is nobody to do them."""
        wait, pending = load("distributed", "distributed").wait, list(futures)
        with self.client.as_current(), bar_of(title, len(pending), bool(title)) as bar:
            while pending:
                try:
                    done, rest = wait(pending, PATIENCE, "FIRST_COMPLETED" if title else "ALL_COMPLETED")
                except TimeoutError:
                    if not self.client.nthreads():
                        raise ConnectionError(f"no worker is left; {ADVICE}, and {AGAIN}") from None
                else:
                    bar.update(len(done))
                    pending = list(rest)


def _alone(task: Callable[..., Any], *row: Any) -> Any:
    with at_most(1):
        return task(*row)


def _asked(task: Callable[..., Any], given: tuple[Any, ...], value: Any) -> Any:
    with at_most(1):
        return task(value, *given)
