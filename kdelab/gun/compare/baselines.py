"""Guns that learn nothing from other battles, for honesty: used like the learned one, ``fit``, ``predict``, ``losses``.

Circular targeting proper needs the enemy's rate of turn, which isn't among the features; `Orbit`, which lets the enemy
go on circling the shooter, is its nearest relative.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from kdelab.gun.aim import most_mass
from kdelab.gun.judging import judged
from kdelab.gun.recall import Recall
from kdelab.gun.waves.frames import Table, like
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Kernel, Laplace
from kdelab.loss.validate import Floats, Integers

_LAPLACE = Laplace(0.1)
_CHUNK = 1000  # waves at a time: each brings its whole memory


class HeadOn(BaseEstimator):
    """Fires where the enemy is."""

    def fit(self, waves: Table | Recall, y: None = None) -> Any:
        """Learn nothing."""
        self.weights_ = np.empty(0)
        return self

    def predict(self, waves: Table | Recall, rows: ArrayLike | None = None) -> Floats:
        """Return the guess factor to aim at for each wave asked for, (rows,)."""
        recall = Recall.of(waves, _KNOWN)
        wanted = recall.rows(rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            factors = self.factors({name: recall.numbers(name)[wanted] for name in _KNOWN})
        if not np.isfinite(factors).all():
            first = wanted[np.argmin(np.isfinite(factors))]
            raise ValueError(
                f"waves: in row {first} no shot can meet the enemy; are bullet_speed and escape_angle right?"
            )
        return np.clip(factors, -1.0, 1.0)

    def losses(self, waves: Table | Recall, rows: ArrayLike | None = None) -> Floats:
        """Return NaN: one aim is no density."""
        return np.full(len(Recall.of(waves).rows(rows)), np.nan)

    def judge(self, waves: Table | Recall, rows: ArrayLike | None = None) -> Table:
        """Return a row a wave: row, battle, aim, hit and cross_entropy, as `NeighbourModel.judge` does."""
        recall = Recall.of(waves, within_round=getattr(self, "within_round", None))
        wanted = recall.rows(rows)
        return like(recall.kind, judged(recall, wanted, self.predict(recall, wanted), self.losses(recall, wanted)))

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
    within_round : bool
        As of `NeighbourModel`.
    """

    def __init__(self, kernel: Kernel = _LAPLACE, within_round: bool = False) -> None:
        self.kernel = kernel
        self.within_round = within_round

    def predict(self, waves: Table | Recall, rows: ArrayLike | None = None) -> Floats:
        """Return the densest guess factor for the bot's width, (rows,); 0 without a memory."""
        recall = Recall.of(waves, ["distance"], within_round=self.within_round)
        wanted = recall.rows(rows)
        width, aims = recall.bot_width(wanted), np.zeros(len(wanted))
        for known, clusters in self._clusters(recall, wanted):
            weights = np.repeat(1 / clusters.sizes, clusters.sizes)
            aims[known] = most_mass(clusters, weights, self.kernel, width[known])
        return aims

    def losses(self, waves: Table | Recall, rows: ArrayLike | None = None) -> Floats:
        """Return the cross-entropy of each wave, (rows,); a uniform density's log 2 without a memory."""
        recall = Recall.of(waves, within_round=self.within_round)
        wanted = recall.rows(rows)
        losses = np.full(len(wanted), np.log(2.0))
        for known, clusters in self._clusters(recall, wanted):
            losses[known] = CrossEntropy(clusters, self.kernel).value(np.zeros(len(clusters.points)))
        return losses

    def _clusters(self, recall: Recall, wanted: Integers) -> Iterator[tuple[Integers, Clusters]]:
        """Yield positions in `wanted` and clusters of whole memories, a chunk at a time."""
        able = np.flatnonzero(recall.memory.stored[wanted] > 0)
        for start in range(0, len(able), _CHUNK):
            known = able[start : start + _CHUNK]
            lists = [recall.targets.middles[recall.memory.rows(int(row))] for row in wanted[known]]
            yield known, Clusters.from_lists(lists, *recall.intervals(wanted[known]))


_KNOWN = ("distance", "lateral_speed", "approach", "bullet_speed", "escape_angle", "room_ahead")
