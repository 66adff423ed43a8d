import numpy as np
import pandas as pd

import kdelab
from kdelab.gun.compare import surfing


class Knows:
    """A gun that knows where the shot goes, or thinks it knows."""

    def __init__(self, sign):
        self.sign = sign

    def density(self, waves, x, rows):
        near = np.exp(-10 * abs(np.asarray(x) - waves["fired"].to_numpy()[rows][:, None]))
        return near if self.sign > 0 else 1 - near


def test_the_interval_is_where_the_shot_would_hit():
    waves = kdelab.load_waves("surfers")
    turned = surfing.as_surfer(waves)
    assert turned.real.all()
    assert (turned.lower <= turned.upper).all()
    inside = (turned.lower > -1) & (turned.upper < 1)
    np.testing.assert_allclose((turned.upper - turned.lower)[inside], turned.bot_width[inside], atol=1e-12)
    np.testing.assert_allclose(((turned.upper + turned.lower) / 2)[inside], turned.fired[inside], atol=1e-12)


def test_knowing_saves_and_believing_the_contrary_kills():
    rng = np.random.default_rng(0)
    waves = pd.DataFrame({"fired": rng.uniform(-0.8, 0.8, 200), "bot_width": 0.2})
    rows = np.arange(200)
    blind = surfing.hits_taken(Knows(1), waves, rows, rng, choices=1, draws=400).mean()
    knowing = surfing.hits_taken(Knows(1), waves, rows, rng, choices=3, draws=400).mean()
    misled = surfing.hits_taken(Knows(-1), waves, rows, rng, choices=3, draws=400).mean()
    assert abs(blind - 0.1) < 0.01
    assert knowing < 0.3 * blind
    assert misled > 2 * blind
