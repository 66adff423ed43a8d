"""Notebook 16 under a gun that aims elsewhere, and under bullets that say otherwise."""

import numpy as np
import pytest
from sabotage import assert_caught, instead

from kdelab.gun import model
from kdelab.gun.compare import live
from kdelab.gun.compare.live import POWERS, SCALE, SEEN, UNSEEN

pytestmark = pytest.mark.xdist_group("16")
NOTEBOOK = "16-in-the-engine.ipynb"


def missing(share, chosen, column="hit"):
    """Bullets of which a share of those chosen that hit, or would have hit, did not."""

    def wrong(honest):
        def load():
            bullets = honest()
            values = bullets[column].astype(float)
            unlucky = np.random.default_rng(0).random(len(bullets)) < share
            values[unlucky & chosen(bullets)] *= 0.0
            return bullets.assign(**{column: values if column == "replayed" else values == 1})

        return load

    return wrong


def five_percent_short(honest):
    return lambda *given: 0.95 * honest(*given)


def of(gun, exam):
    return lambda bullets: (bullets["gun"] == gun) & (bullets["exam"] == exam)


def early(bullets):
    return of(POWERS, SEEN)(bullets) & (bullets["round"] < 2)


CASES = {
    "aims 5 % short": (
        *("live-gun", "bullets aimed again: share with the file's answer"),
        instead(model, "most_mass", five_percent_short),
    ),
    "5 % fewer hits at robots seen": (
        *("live-gun", f"{SEEN}: hits gained, points, low end over battles"),
        instead(live, "load", missing(0.05, of(POWERS, SEEN))),
    ),
    "10 % fewer hits at robots unseen": (
        *("live-gun", f"{UNSEEN}: hits gained, points, low end over battles"),
        instead(live, "load", missing(0.1, of(POWERS, UNSEEN))),
    ),
    "a replay that hits 5 % less": (
        *("replay-tells", "replayed less real hits, points, low end"),
        instead(live, "load", missing(0.05, of(SCALE, SEEN), "replayed")),
    ),
    "10 % fewer hits in the first rounds": (
        *("head-start", "gain of rounds 0 and 1 less that of later rounds, points, low end"),
        instead(live, "load", missing(0.1, early)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_wrong_libraries_are_caught(name, monkeypatch):
    claim, check, wrong = CASES[name]
    assert_caught(NOTEBOOK, claim, check, wrong, monkeypatch, recomputed=60)
