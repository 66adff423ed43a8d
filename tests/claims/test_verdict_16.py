"""Notebook 16 under a gun that aims elsewhere, and under bullets that say otherwise."""

import numpy as np
import pytest
from sabotage import assert_caught, instead, slow_but_first

from kdelab.gun import model
from kdelab.gun.compare import live
from kdelab.gun.compare.live import POWERS, SCALE, SEEN, UNSEEN

pytestmark = pytest.mark.xdist_group("16")
NOTEBOOK = "16-in-the-engine.ipynb"


def dealt(share, chosen, outcome, column="hit"):
    """Bullets of which a share of those chosen hit (1.0), or didn't (0.0), whatever they did."""

    def wrong(honest):
        def load():
            bullets = honest()
            values = bullets[column].astype(float)
            values[(np.random.default_rng(0).random(len(bullets)) < share) & chosen(bullets)] = outcome
            return bullets.assign(**{column: values if column == "replayed" else values == 1})

        return load

    return wrong


def five_percent_short(honest):
    return lambda *given: 0.95 * honest(*given)


def of(gun, exam):
    return lambda bullets: (bullets["gun"] == gun) & (bullets["exam"] == exam)


def early(gun):
    return lambda bullets: of(gun, SEEN)(bullets) & (bullets["round"] < 2)


@pytest.fixture(autouse=True)
def lucky(monkeypatch):
    """Learned powers gain more where too few battles decide: then all three claims hold, and can be broken."""
    for share, chosen, outcome in ((0.1, of(POWERS, UNSEEN), 1.0), (0.2, early(SCALE), 0.0)):
        monkeypatch.setattr(live, "load", dealt(share, chosen, outcome)(live.load))


CASES = {
    "aims 5 % short": (
        *("live-gun", "bullets aimed again: share with the file's answer"),
        instead(model, "most_mass", five_percent_short),
    ),
    "5 % fewer hits at robots seen": (
        *("live-gun", f"{SEEN}: hits gained, points, low end over battles"),
        instead(live, "load", dealt(0.05, of(POWERS, SEEN), 0.0)),
    ),
    "10 % fewer hits at robots unseen": (
        *("live-gun", f"{UNSEEN}: hits gained, points, low end over battles"),
        instead(live, "load", dealt(0.1, of(POWERS, UNSEEN), 0.0)),
    ),
    "a replay that hits 5 % less": (
        *("replay-tells", "replayed less real hits, points, low end"),
        instead(live, "load", dealt(0.05, of(SCALE, SEEN), 0.0, "replayed")),
    ),
    "20 % fewer hits in the first rounds": (
        *("head-start", "gain of rounds 0 and 1 less that of later rounds, points, low end"),
        instead(live, "load", dealt(0.2, early(POWERS), 0.0)),
    ),
}


@pytest.mark.parametrize("name", slow_but_first(CASES, claim=lambda name: CASES[name][0]))
def test_wrong_libraries_are_caught(name):
    claim, check, wrong = CASES[name]
    assert_caught(NOTEBOOK, claim, check, wrong, recomputed=60)
