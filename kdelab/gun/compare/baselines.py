"""Guns that learn nothing from other battles, for honesty: used like the learned one, ``fit``, ``predict``, ``losses``.

Circular targeting proper needs the enemy's rate of turn, which isn't among the features; `Orbit`, which lets the enemy
go on circling the shooter, is its nearest relative.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from kdelab.gun.aim import most_mass
from kdelab.gun.predicting import bot_width, hits
from kdelab.gun.recall import memory_of, middles
from kdelab.gun.waves.check import checked
from kdelab.gun.waves.columns import number_column, rows_of, series
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Kernel, Laplace
from kdelab.loss.validate import Floats, Integers

_LAPLACE = Laplace(0.1)
_CHUNK = 1000  # waves at a time: each brings its whole memory


class HeadOn(BaseEstimator):
    """Fires where the enemy is."""

    def fit(self, waves: pd.DataFrame, y: None = None) -> Any:
        """Learn nothing."""
        self.weights_ = np.empty(0)
        return self

    def predict(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> Floats:
        """Return the guess factor to aim at for each wave asked for, (rows,)."""
        wanted = _wanted(waves, rows, _KNOWN)
        with np.errstate(invalid="ignore", divide="ignore"):
            factors = self.factors({name: number_column(waves, name)[wanted] for name in _KNOWN})
        if not np.isfinite(factors).all():
            first = wanted[np.argmin(np.isfinite(factors))]
            raise ValueError(
                f"waves: in row {first} no shot can meet the enemy; are bullet_speed and escape_angle right?"
            )
        return np.clip(factors, -1.0, 1.0)

    def losses(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> Floats:
        """Return NaN: one aim is no density."""
        return np.full(len(rows_of(rows, len(waves))), np.nan)

    def judge(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> pd.DataFrame:
        """Return a row a wave: row, battle, aim, hit and cross_entropy, as `NeighbourModel.judge` does."""
        wanted = _wanted(waves, rows)
        aims = self.predict(waves, wanted)
        columns = {"row": wanted, "battle": series(waves, "battle").to_numpy()[wanted], "aim": aims}
        return pd.DataFrame({**columns, "hit": hits(waves, aims, wanted), "cross_entropy": self.losses(waves, wanted)})

    def factors(self, known: dict[str, Floats]) -> Floats:
        """Return guess factors from what is known of each wave."""
        return np.zeros(len(known["distance"]))


class Linear(HeadOn):
    """Fires where the enemy will be if it keeps its velocity, but not beyond the wall that it circles towards."""

    def factors(self, known: dict[str, Floats]) -> Floats:
        """Return where bullet and straight line meet: the smallest t with abs(place + velocity t) = speed t."""
        across, away = known["lateral_speed"], -known["approach"]
        distance, speed = known["distance"], known["bullet_speed"]
        a = across**2 + away**2 - speed**2  # below 0: a bullet is faster than any robot
        b = distance * away
        time = -(b + np.sqrt(b * b - a * distance**2)) / a
        angle = np.arctan2(across * time, distance + away * time)
        return np.minimum(angle / known["escape_angle"], known["room_ahead"])


class Orbit(HeadOn):
    """Fires where the enemy will be if it keeps circling at its distance and speed, but not beyond the wall."""

    def factors(self, known: dict[str, Floats]) -> Floats:
        """Return the arc covered while the bullet flies, lateral speed / bullet speed, over the escape angle."""
        return np.minimum(known["lateral_speed"] / known["bullet_speed"] / known["escape_angle"], known["room_ahead"])


class Histogram(HeadOn):
    """Knows the battle's waves so far, and not what tells them apart: every wave in memory has the same weight.

    Parameters
    ----------
    kernel : Kernel
    """

    def __init__(self, kernel: Kernel = _LAPLACE) -> None:
        self.kernel = kernel

    def predict(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> Floats:
        """Return the densest guess factor for the bot's width, (rows,); 0 without a memory."""
        wanted = _wanted(waves, rows, ("distance",))
        width = bot_width(waves, wanted)
        aims = np.zeros(len(wanted))
        for known, clusters in self._clusters(waves, wanted):
            weights = np.repeat(1 / clusters.sizes, clusters.sizes)
            aims[known] = most_mass(clusters, weights, self.kernel, width[known])
        return aims

    def losses(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> Floats:
        """Return the cross-entropy of each wave, (rows,); a uniform density's log 2 without a memory."""
        wanted = _wanted(waves, rows)
        losses = np.full(len(wanted), np.log(2.0))
        for known, clusters in self._clusters(waves, wanted):
            losses[known] = CrossEntropy(clusters, self.kernel).value(np.zeros(len(clusters.points)))
        return losses

    def _clusters(self, waves: pd.DataFrame, wanted: Integers) -> list[tuple[Integers, Clusters]]:
        """Return positions in `wanted` and clusters of whole memories, a chunk at a time."""
        memory, points = memory_of(waves), middles(waves)
        able = np.flatnonzero(memory.stored[wanted] > 0)
        lower, upper = (number_column(waves, name) for name in ("lower", "upper"))
        chunks = []
        for start in range(0, len(able), _CHUNK):
            known = able[start : start + _CHUNK]
            lists = [points[memory.rows(int(row))] for row in wanted[known]]
            chunks.append((known, Clusters.from_lists(lists, lower[wanted[known]], upper[wanted[known]])))
        return chunks


_KNOWN = ("distance", "lateral_speed", "approach", "bullet_speed", "escape_angle", "room_ahead")


def _wanted(waves: pd.DataFrame, rows: ArrayLike | None, needed: Sequence[str] = ()) -> Integers:
    checked(waves, needed)
    return rows_of(rows, len(waves))
