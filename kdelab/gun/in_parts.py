"""A gun fitted on a folder of Parquet parts, wherever they are computed with.

What is learned is, to the last bit, what one table of all parts would teach: groups never mix, so that no memory needs
two parts, and sums are exact.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from kdelab.gun.learner import candidates, data_told, examples, picked, settings_told
from kdelab.gun.parameters import bounds_of, names_of
from kdelab.gun.recall import Recall
from kdelab.gun.waves.check import spanned
from kdelab.gun.waves.columns import number_column
from kdelab.gun.waves.parts import checked_parts, read_part
from kdelab.learn.form import Form
from kdelab.learn.identity import digest
from kdelab.learn.parts import Dealt, Part, Place
from kdelab.loss.validate import Floats, Integers

Spans = dict[str, tuple[float, float]]


class Survey(NamedTuple):
    """What has to be known of a part before any can be learned from.

    Attributes
    ----------
    waves, train, held_out : int
        How many waves there are, may be trained on, and may be held out.
    spans : dict
        Lowest and highest value of each feature.
    heaviest : float
        The largest weight.
    data, weights : str
        Digests of them.
    fault : str
        What is wrong with the part, if anything is.
    """

    waves: int
    train: int
    held_out: int
    spans: Spans
    heaviest: float
    data: str
    weights: str
    fault: str


class InParts:
    """A folder of parts as examples.

    Parameters
    ----------
    model : NeighbourModel
        The gun that is to learn from them.
    folder : str or Path
    place : Place
    sample_weight : str or None
        The column that says how much each wave counts.

    Attributes
    ----------
    ranges : dict
        (low, high) that scales each feature to [0, 1].
    told : dict of str
        Tells this fit from any other.
    examples : (Dealt, Dealt)
        What is trained on, and what is held out.

    Raises
    ------
    ValueError
        All that is wrong with the folder, by file and column; or if no wave can be trained on.
    """

    def __init__(self, model: Any, folder: str | Path, place: Place, sample_weight: str | None) -> None:
        bare = clone(model)  # of what it learned before nothing need travel
        paths = [part.path for part in checked_parts(folder)]
        surveyed = place.store("looking at parts", partial(survey, model=bare, weight=sample_weight), paths)
        surveys: list[Survey] = list(place.ask(_itself, surveyed))
        _refuse(folder, paths, surveys)
        heaviest = max(each.heaviest for each in surveys)
        if heaviest == 0:
            raise ValueError(f"sample_weight: column {sample_weight!r} must not be all 0")
        self.ranges = {
            name: bounds_of(model.ranges, model.features).get(name)
            or spanned(name, [each.spans[name] for each in surveys])
            for name in names_of(model.features)
        }
        data = digest(*(each.data.encode() for each in surveys))
        weights = digest(*(each.weights.encode() for each in surveys))
        self.told = settings_told(bare) | {"waves": data, "sample_weight": weights}
        counts = np.array([(each.train, each.held_out) for each in surveys])
        train, held_out = counts.sum(axis=0).tolist()
        chosen = picked(model, train, held_out, sum(each.waves for each in surveys))
        dealt = [_dealt(rows, of) for rows, of in zip(chosen, counts.T, strict=True)]
        read = partial(part_of, model=bare, weight=sample_weight, ranges=self.ranges, heaviest=heaviest)
        parts = place.store("reading parts", read, paths, *dealt)
        form = Form.named(model.form, len(self.ranges))
        self.examples = Dealt(place, parts, "train", form), Dealt(place, parts, "held_out", form)


def survey(path: Path, model: Any, weight: str | None) -> Survey:
    """Return what has to be known of a part."""
    try:
        recall, weights = _opened(path, model, weight)
    except ValueError as error:
        return Survey(0, 0, 0, {}, 0.0, "", "", str(error))
    train, held_out = candidates(model, recall, weights)
    names = names_of(model.features)
    spans = {name: (float(recall.numbers(name).min()), float(recall.numbers(name).max())) for name in names}
    told = data_told(recall, names), digest(weights.tobytes())
    return Survey(len(recall), len(train), len(held_out), spans, float(weights.max()), *told, "")


def part_of(
    path: Path, train: Integers, held_out: Integers, model: Any, weight: str | None, ranges: Spans, heaviest: float
) -> Part:
    """Return a part's examples: those of its candidates that were chosen, by their places among them."""
    recall, weights = _opened(path, model, weight)
    first, second = candidates(model, recall, weights)
    return Part(*examples(model, recall, ranges, weights / heaviest, first[train], second[held_out]))


def _opened(path: Path, model: Any, weight: str | None) -> tuple[Recall, Floats]:
    """Return a part, checked, and the weights of its waves; ValueError if it can't be learned from."""
    waves = read_part(path)
    recall = Recall.of(waves, names_of(model.features), bounds_of(model.ranges, model.features), model.within_round)
    if weight is None:
        return recall, np.ones(len(recall))
    weights = number_column(waves, weight)
    if (weights < 0).any():
        raise ValueError(f"column {weight!r} must not be negative, but it is in {int((weights < 0).sum())} rows")
    return recall, weights


def _refuse(folder: str | Path, paths: list[Path], surveys: list[Survey]) -> None:
    """Raise one ValueError that says what is wrong with each part, if anything is."""
    faults = [f"{path.name}: {each.fault}" for path, each in zip(paths, surveys, strict=True) if each.fault]
    if faults:
        many = f"{len(faults)} of {len(paths)}"
        raise ValueError(f"folder={str(folder)!r}: {many} parts can't be learned from: {'; '.join(faults)}")


def _dealt(chosen: Integers, sizes: Integers) -> list[Integers]:
    """Return which candidates of each part were chosen among all, by their places in the part."""
    ends = np.cumsum(sizes)
    cuts = np.searchsorted(chosen, ends)
    return [each - start for each, start in zip(np.split(chosen, cuts[:-1]), ends - sizes, strict=True)]


def _itself(value: Any) -> Any:
    return value
