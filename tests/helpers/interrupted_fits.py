"""Small fits, and such as are interrupted after some evaluations."""

import os
from pathlib import Path
from typing import Any

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
