"""What tells one loss from another: all that it is made of, in every process."""

import functools
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from interrupted_fits import THIS_TREE, WAVES, gun

import kdelab
from kdelab.learn.identity import identity
from kdelab.study.rivals import MeanSquaredError


class Tuned:
    """A loss that is an instance: what it does is in its state."""

    def __init__(self, background: float) -> None:
        self.background = background

    def __call__(self, clusters, kernel):
        return kdelab.CrossEntropy(clusters, kernel, background=self.background)


def closed_over(background: float):
    return lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel, background=background)


def defaults(background: float):
    def loss(clusters, kernel, background=background):
        return kdelab.CrossEntropy(clusters, kernel, background=background)

    return loss


def subclasses() -> tuple[type, type]:
    class Loss(kdelab.CrossEntropy):
        def value_and_grad(self, logits):
            return super().value_and_grad(logits)

    first = Loss

    class Loss(kdelab.CrossEntropy):
        def value_and_grad(self, logits):
            values, gradient = super().value_and_grad(logits)
            return 2 * values, 2 * gradient

    return first, Loss


PAIRS = {
    "partials": [functools.partial(kdelab.CrossEntropy, background=b) for b in (0.0, 0.1)],
    "partials of positions": [functools.partial(Tuned.__call__, Tuned(b)) for b in (0.0, 0.1)],
    "instances": [Tuned(b) for b in (0.0, 0.1)],
    "bound methods": [Tuned(b).__call__ for b in (0.0, 0.1)],
    "closures": [closed_over(b) for b in (0.0, 0.1)],
    "defaults": [defaults(b) for b in (0.0, 0.1)],
    "lambdas": [
        lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel, background=0.1),
        lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel, background=0.2),
    ],
    "lambdas of names": [
        lambda clusters, kernel: kdelab.CrossEntropy(clusters, kernel),
        lambda clusters, kernel: MeanSquaredError(clusters, kernel),
    ],
    "classes of one name": subclasses(),
    "a loss and none": [kdelab.CrossEntropy, None],
    "arrays in a state": [Tuned(np.array([0.0, b])) for b in (0.0, 0.1)],
    "dicts in a state": [Tuned({"b": [b]}) for b in (0.0, 0.1)],
}


@pytest.mark.parametrize("kind", PAIRS)
def test_losses_are_told_apart_by_what_they_are_made_of(kind: str) -> None:
    one, other = PAIRS[kind]
    assert identity("loss", one) == identity("loss", one)
    assert identity("loss", one) != identity("loss", other)


def test_equal_losses_made_twice_are_one() -> None:
    for make in (Tuned, closed_over, defaults, lambda b: functools.partial(Tuned, b), lambda b: Tuned({b, b + 1, "x"})):
        assert identity("loss", make(0.5)) == identity("loss", make(0.5))
    assert identity("seed", 3) == identity("seed", np.int64(3))
    round_and_round = Tuned(0.0)
    round_and_round.background = [round_and_round]
    assert identity("loss", round_and_round) == identity("loss", round_and_round)


def test_identities_are_the_same_in_every_process() -> None:
    code = (
        "import functools, kdelab; from kdelab.learn.identity import identity; "
        "print(identity('loss', functools.partial(kdelab.CrossEntropy, background={'a', 'b', 'c', 1.5}, x={'q': 1})), "
        "identity('loss', lambda c, k: c in ('a', {'b', 'c', 'd'}) or (c in {1, 2, 'e', 'f'})))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=THIS_TREE | {"PYTHONHASHSEED": s},
        ).stdout
        for s in ("1", "2")
    }
    assert len(said) == 1


def test_a_loss_that_cannot_be_told_apart_needs_no_checkpoint_and_gets_none(tmp_path: Path) -> None:
    loss = Tuned(0.0)
    loss.lock = threading.Lock()
    gun(loss=loss).fit(WAVES)
    with pytest.raises(ValueError, match=r"loss: <.*Tuned object.* can't be told from others"):
        gun(loss=loss).fit(WAVES, checkpoint=tmp_path / "fit.json")
    assert list(tmp_path.iterdir()) == []
