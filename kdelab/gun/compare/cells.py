"""Cells: what learners hit in one battle after one training, and contrasts between learners, with intervals.

What takes too long for a notebook is computed by ``python -m kdelab.gun.compare`` (`make evidence`) into small tables
that ship with kdelab; notebooks decide from those and compute some of their cells again. A table of cells has a row a
learner, unit and seed:

============  ==========================================================================================
``learner``   who was trained, in words
``battle``    the unit, or another column that is named: ``robot``
``seed``      of the training
``shots``     how many were judged
others        sums over those shots: ``hits``, ``loss`` (nats); ``set``, where there are several
============  ==========================================================================================
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kdelab.files import replacing
from kdelab.study import resampling

DATA = Path(__file__).parent / "data"
SUMS = {"hits": "hit", "loss": "cross_entropy"}
_METADATA = b"kdelab"


class Contrast(NamedTuple):
    """How far the mean of one learner lies from another's.

    Attributes
    ----------
    difference, low, high : float
        In the units of what was compared; the ends are NaN where there are too few units for an interval.
    units : int
        How many there are of the first kind that the interval is over.
    """

    difference: float
    low: float
    high: float
    units: int

    def times(self, factor: float) -> "Contrast":
        """Return the contrast in other units, 100 for percentage points; -1 for the other less the one."""
        low, high = sorted([factor * self.low, factor * self.high])
        return Contrast(factor * self.difference, low, high, self.units)

    def text(self, form: str = "+.2f") -> str:
        """Return the contrast in words: ``"+0.61 (-0.09 to +1.30)"``."""
        return f"{self.difference:{form}} ({resampling.between(self.low, self.high, form)})"


def summed(judged: pd.DataFrame, by: Sequence[str], sums: Mapping[str, str] = SUMS, **labels: Any) -> pd.DataFrame:
    """Return cells from a row a shot, by some columns; `sums` names sums, and of which columns, as far as there."""
    named = {name: (column, "sum") for name, column in sums.items() if column in judged}
    cells = judged.groupby(list(by), sort=True).agg(shots=(by[0], "size"), **named).reset_index()
    return cells.assign(**labels)


def of_set(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the cells of one set.

    Raises
    ------
    ValueError
        If there are none.
    """
    mine = table[table["set"] == name]
    if mine.empty:
        raise ValueError(f"name: {name!r} given, there are cells of {', '.join(map(repr, pd.unique(table['set'])))}")
    return mine


def contrast(
    cells: pd.DataFrame,
    column: str,
    of: str,
    against: str,
    rng: np.random.Generator,
    over: Sequence[str] = ("battle", "seed"),
    level: float = 0.95,
    pooled: bool = False,
) -> Contrast:
    """Return how far one learner's mean rate lies from another's, with a bootstrap interval.

    Each unit and seed has a rate, the column's sum by the number of shots, and all of them weigh the same, however long
    the battle was; or else all shots do.

    Parameters
    ----------
    cells : DataFrame
    column : str
        A sum over shots: "hits" or "loss".
    of, against : str
        Learners.
    rng : numpy.random.Generator
    over : sequence of str
        Columns whose values are drawn, as of `kdelab.study.resampling.interval`: the claim's unit, then what adds luck.
    level : float
    pooled : bool
        Whether all shots weigh the same, for units with so few that a rate of their own says nothing.

    Raises
    ------
    ValueError
        If a learner has no cells.
    """
    for name in (of, against):
        if not (cells["learner"] == name).any():
            raise ValueError(f"learner {name!r} has no cells; there are {', '.join(pd.unique(cells['learner']))}")
    two = cells[cells["learner"].isin([of, against])]
    sums = two.groupby([*over, "learner"], sort=True)[[column, "shots"]].sum()
    rates = (sums[column] / sums["shots"]).unstack("learner")
    apart = (rates[of] - rates[against]).dropna()
    labels = [apart.index.get_level_values(name) for name in over]
    values = apart.to_numpy(dtype=np.float64)
    shots = sums["shots"].unstack("learner").loc[apart.index, of].to_numpy(dtype=np.float64)
    weights = shots if pooled else np.ones(len(values))

    def mean(times: np.ndarray) -> np.ndarray:
        return np.asarray(times @ (weights * values) / np.maximum(times @ weights, 1e-300))

    difference, low, high = resampling.interval(mean, labels, rng, level=level)
    return Contrast(float(difference), float(low), float(high), labels[0].nunique())


def rate(cells: pd.DataFrame, column: str, learner: str, over: Sequence[str] = ("battle", "seed")) -> float:
    """Return a learner's mean rate, all units and seeds weighing the same."""
    mine = cells[cells["learner"] == learner].groupby(list(over))[[column, "shots"]].sum()
    return float((mine[column] / mine["shots"]).mean())


def load(name: str) -> pd.DataFrame:
    """Return a table of cells that ships with kdelab; ``attrs`` says how it was made.

    Raises
    ------
    ValueError
        If there is no such table.
    """
    with as_file(files("kdelab.gun.compare") / "data" / f"{name}.parquet") as path:
        if not path.is_file():
            raise ValueError(f"name: {name!r} given, there is no such table of cells")
        sys.audit("kdelab.read", str(path))  # a report's run keeps account of the files that it depends on
        table = pq.read_table(path)
    cells = table.to_pandas(ignore_metadata=True)
    for column in cells.columns[cells.dtypes == "category"]:
        cells[column] = cells[column].astype(str)
    cells.attrs = json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))
    return cells


def save(name: str, parts: Iterable[pd.DataFrame], provenance: dict[str, Any]) -> Path:
    """Write a table of cells to where `load` finds it, whole or not at all; return where."""
    cells = pd.concat(list(parts), ignore_index=True)
    numbers = cells.select_dtypes("float").columns
    cells[numbers] = cells[numbers].round(6)
    texts = cells.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in cells.dtypes]]
    table = pa.Table.from_pandas(cells.astype(dict.fromkeys(texts, "category")), preserve_index=False)
    said = json.dumps(provenance, sort_keys=True, ensure_ascii=False).encode()
    path = DATA / f"{name}.parquet"
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata({_METADATA: said}), temporary, compression="zstd")
    return path


def replaced(name: str, sets: Iterable[str], parts: Iterable[pd.DataFrame], provenance: dict[str, Any]) -> Path:
    """Write a table of cells whose column ``set`` is one of some, and keep what the shipped one has of others."""
    kept = []
    if (DATA / f"{name}.parquet").is_file():
        table = load(name)
        kept = [table[~table["set"].isin(list(sets))]]
    return save(name, [*kept, *parts], provenance)
