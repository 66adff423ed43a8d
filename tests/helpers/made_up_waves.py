"""Tables of waves made up for tests: their guess factors depend on two of the features."""

import numpy as np
import pandas as pd

from kdelab.gun.waves.features import FEATURE_TABLE


def learnable(seed: int = 1, battles: int = 2, waves: int = 600) -> pd.DataFrame:
    """Battles of six rounds whose guess factors follow the lateral speed and the room ahead, with noise."""
    rng = np.random.default_rng(seed)
    n = battles * waves
    raw = rng.random((n, len(FEATURE_TABLE)))
    names = [feature.name for feature in FEATURE_TABLE]
    centre = 1.6 * raw[:, names.index("lateral_speed")] ** 2 - 0.8
    centre += 0.3 * (raw[:, names.index("room_ahead")] - 0.5) + 0.05 * rng.standard_normal(n)
    lower = np.clip(centre - rng.uniform(0.05, 0.15, n), -1, 0.9)
    return pd.DataFrame(
        {f.name: f.low + raw[:, i] * (f.high - f.low) for i, f in enumerate(FEATURE_TABLE)}
        | {
            "battle": [f"a vs {i}" for i in np.repeat(np.arange(battles), waves)],
            "shooter": "a",
            "enemy": [f"{i}" for i in np.repeat(np.arange(battles), waves)],
            "round": np.tile(np.sort(rng.integers(0, 6, waves)), battles),
            "real": rng.random(n) < 0.4,
            "escape_angle": 0.5,
            "bullet_speed": 16.0,
            "lower": lower,
            "upper": np.clip(lower + rng.uniform(0.1, 0.3, n), -0.9, 1),
        }
    )
