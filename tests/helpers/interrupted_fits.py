"""Small fits, such as are interrupted after some evaluations, and whether two have learned the same."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.learn.examples import Batch

ROOT = Path(__file__).parents[2]
THIS_TREE = os.environ | {"PYTHONPATH": str(ROOT)}
SMALL = {"neighbours": 15, "max_iter": 5, "retrievals": 1, "predictions": 60}
WAVES = learnable(waves=200)


def gun(**more: Any) -> kdelab.NeighbourModel:
    return kdelab.NeighbourModel(**(SMALL | more))


def interrupted(after: int, monkeypatch: pytest.MonkeyPatch, path: Path | None, **more: Any) -> kdelab.NeighbourModel:
    """Fit until some evaluations are done and Ctrl-C is pressed."""
    model, asked = gun(**more), []

    class Interrupted(KeyboardInterrupt):
        gun = model

    def value_and_grad(*given: Any, real: Any = Batch.value_and_grad) -> Any:
        asked.append(1)
        if len(asked) > after:
            raise Interrupted
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(Batch, "value_and_grad", value_and_grad)
        return model.fit(WAVES, checkpoint=path)


def assert_same(one: kdelab.NeighbourModel, other: kdelab.NeighbourModel) -> None:
    """Whether two guns have learned the same, by the same steps, to the last bit."""
    assert one.to_json() == other.to_json()
    assert one.ranges_ == other.ranges_
    first, second = (
        [[*entry.theta, entry.before, entry.after, entry.held_out, entry.evaluations] for entry in model.history_]
        for model in (one, other)
    )
    np.testing.assert_array_equal(first, second)
