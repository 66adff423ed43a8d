"""The other side of the gun: a surfer that learns where its enemy's shots go, and moves where they don't.

A surfer's table of waves is the shooter's, turned round: what is to be predicted is the guess factor *fired* at,
and the target is every place at which that shot would have hit.
"""

import numpy as np
import pandas as pd

from kdelab.gun.model import NeighbourModel
from kdelab.gun.waves.columns import number_column, numbers_in
from kdelab.gun.waves.geometry import bot_width
from kdelab.loss.validate import Floats, Integers, count

GRID = np.linspace(-1, 1, 201)


def as_surfer(waves: pd.DataFrame) -> pd.DataFrame:
    """Return the real shots, their interval replaced by the guess factors at which the shot would have hit.

    Column ``bot_width`` is the width of the robot at the wave's distance, in guess factors; the interval is ``fired``
    plus and minus half of it, clipped to [-1, 1]. Shots beyond the escape angle are left out: they hit no surfer.
    """
    width = bot_width(*(number_column(waves, name) for name in ("distance", "escape_angle")))
    fired = numbers_in(waves, "fired")
    shots = (number_column(waves, "real") > 0) & (np.abs(fired) <= 1)
    turned = waves.assign(
        lower=np.clip(fired - width / 2, -1, 1), upper=np.clip(fired + width / 2, -1, 1), bot_width=width
    )
    return turned[shots].reset_index(drop=True)


def hits_taken(
    gun: NeighbourModel,
    waves: pd.DataFrame,
    rows: Integers,
    rng: np.random.Generator,
    choices: int = 3,
    draws: int = 100,
) -> Floats:
    """Return how often each shot hits a surfer that moves to the safest of a few random places.

    Parameters
    ----------
    gun : NeighbourModel
        Fitted to a surfer's table: its density says where shots go.
    waves : DataFrame
        From `as_surfer`.
    rows : array of int
    rng : numpy.random.Generator
        Draws the places, uniform in [-1, 1], anew for each shot and each draw.
    choices : int
        How many places the surfer can reach; 1 is moving at random.
    draws : int

    Returns
    -------
    array (rows,)
        The share of draws in which the shot hits, 0 to 1.
    """
    count("choices", choices)
    density = gun.density(waves, GRID, rows)
    step = GRID[1] - GRID[0]
    mass = np.pad(np.cumsum(density[:, 1:] + density[:, :-1], axis=1), ((0, 0), (1, 0)))  # times a constant
    asked = waves.iloc[rows]
    half = number_column(asked, "bot_width") / 2
    reach = np.maximum(np.rint(half / step).astype(int), 1)[:, None]
    last = len(GRID) - 1
    places = rng.integers(len(GRID), size=(len(rows), choices * count("draws", draws)))
    right, left = np.minimum(places + reach, last), np.maximum(places - reach, 0)
    danger = np.take_along_axis(mass, right, axis=1) - np.take_along_axis(mass, left, axis=1)
    safest = danger.reshape(len(rows), draws, choices).argmin(axis=2)
    taken = np.take_along_axis(places.reshape(len(rows), draws, choices), safest[..., None], axis=2)[..., 0]
    return (np.abs(GRID[taken] - number_column(asked, "fired")[:, None]) <= half[:, None]).mean(axis=1)
