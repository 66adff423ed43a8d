"""What a gun with weights, learned or not, says about waves: aims, densities, losses, hits."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from kdelab.gun.aim import most_mass
from kdelab.gun.intervals import IntervalCrossEntropy, densest, softmax
from kdelab.gun.recall import clusters_of, memory_of, scaled
from kdelab.gun.waves.check import checked, weights_of
from kdelab.gun.waves.columns import number_column, rows_of, series
from kdelab.gun.waves.geometry import HALF_WIDTH
from kdelab.gun.waves.whole import warn_of_forgotten
from kdelab.learn.distance import Parameters
from kdelab.learn.memory import Memory, Neighbourhood
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats, Integers, numbers
from kdelab.study.hard import nearest


class Predicting:
    """The part of `NeighbourModel` that needs weights only, wherever they come from."""

    kernel: Kernel | Literal["interval"]
    neighbours: int
    share: int
    background: float
    aim: str
    ranges_: dict[str, tuple[float, float]]
    rounds_: pd.DataFrame | None = None
    scale_: float
    weights_: Floats
    exponents_: Floats
    offsets_: Floats

    def predict(self, waves: pd.DataFrame, rows: ArrayLike | None = None, bot_width: ArrayLike | None = None) -> Floats:
        """Return the guess factor to aim at for each wave.

        Parameters
        ----------
        waves : DataFrame
            The table that holds both the waves and what their shooters remember.
        rows : array_like of bool or int, optional
            Which waves to predict; all by default.
        bot_width : float or array_like, optional
            In guess factors; by default 36 pixels at each wave's distance.  0 asks for the peak of the density.

        Returns
        -------
        array (rows,)
            0, head-on, where there are too few waves in memory for a neighbour.

        Warns
        -----
        UserWarning
            If the table seems to lack waves that the shooter remembered: `kdelab.gun.waves.whole`.
        """
        wanted, known, memory = self._wanted(waves, rows)
        aims = np.zeros(len(wanted))
        if known.any():
            widths = self._bot_width(waves, wanted, bot_width)[known] if self.aim == "density" else aims
            aims[known] = self._aims(waves, wanted[known], *self._found(waves, wanted[known], memory), widths)
        return aims

    def judge(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> pd.DataFrame:
        """Return all that is known afterwards about waves that have a memory, in one go.

        Returns
        -------
        DataFrame
            A row a wave: row, battle, aim, hit, cross_entropy (nats) and nearest, the distance from the target's edge
            to the closest neighbour's point, 0 where one lies inside.
        """
        wanted, known, memory = self._wanted(waves, rows)
        wanted = wanted[known]
        found, logits = self._found(waves, wanted, memory)
        clusters = clusters_of(waves, wanted, found)
        widths = self._bot_width(waves, wanted, None) if self.aim == "density" else np.zeros(len(wanted))
        aims = self._aims(waves, wanted, found, logits, widths)
        return pd.DataFrame(
            {
                "row": wanted,
                "battle": series(waves, "battle").to_numpy()[wanted],
                "aim": aims,
                "hit": hits(waves, aims, wanted),
                "cross_entropy": self._objective(waves, wanted, found, None).value_and_grad(logits)[0],
                "nearest": nearest(clusters),
            }
        )

    def density(self, waves: pd.DataFrame, x: ArrayLike, rows: ArrayLike | None = None) -> Floats:
        """Return the density at guess factors x, (m,) for all waves or (rows, m) for each: (rows, m).

        Where there are too few waves in memory it is uniform on [-1, 1].
        """
        wanted, known, memory = self._wanted(waves, rows)
        places = np.atleast_2d(numbers("x", x))
        if places.ndim > 2 or places.shape[0] not in (1, len(wanted)):
            raise ValueError(f"x has shape {np.shape(x)}; allowed are (m,) and {(len(wanted), 'm')}")
        places = np.broadcast_to(places, (len(wanted), places.shape[1]))
        density = np.where(np.abs(places) <= 1, 0.5, 0.0)
        if known.any():
            objective, logits = self._prepared(waves, wanted[known], memory)
            density[known] = objective.density(logits, places[known])
        return density

    def logits(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> tuple[Clusters, Floats, Neighbourhood]:
        """Return clusters, logits and neighbours of waves that have a memory: what the loss sees."""
        wanted, known, memory = self._wanted(waves, rows)
        found, logits = self._found(waves, wanted[known], memory)
        return clusters_of(waves, wanted[known], found), logits, found

    def losses(self, waves: pd.DataFrame, rows: ArrayLike | None = None) -> Floats:
        """Return the cross-entropy of each wave, in nats, (rows,); a uniform density's log 2 where nothing is known."""
        wanted, known, memory = self._wanted(waves, rows)
        losses = np.full(len(wanted), np.log(2.0))
        if known.any():
            objective, logits = self._prepared(waves, wanted[known], memory)
            losses[known] = objective.value_and_grad(logits)[0]
        return losses

    def score(
        self,
        waves: pd.DataFrame,
        y: None = None,
        sample_weight: ArrayLike | None = None,
        rows: ArrayLike | None = None,
    ) -> float:
        """Return minus the mean cross-entropy of waves that have a memory: higher is better, in nats."""
        wanted, weights = self._judged(waves, rows, sample_weight)
        return -float(np.average(self.losses(waves, wanted), weights=weights))

    def hit_rate(
        self, waves: pd.DataFrame, sample_weight: ArrayLike | None = None, rows: ArrayLike | None = None
    ) -> float:
        """Return the share of waves that have a memory and whose interval contains the aim."""
        wanted, weights = self._judged(waves, rows, sample_weight)
        return float(np.average(hits(waves, self.predict(waves, wanted), wanted), weights=weights))

    def _judged(
        self, waves: pd.DataFrame, rows: ArrayLike | None, sample_weight: ArrayLike | None
    ) -> tuple[Integers, Floats]:
        wanted, known, _ = self._wanted(waves, rows)
        weights = weights_of(sample_weight, len(waves))[wanted[known]]
        if not weights.any():
            raise ValueError(f"waves: none of the {len(wanted)} asked for has {self.share} waves in memory, and weight")
        return wanted[known], weights

    def _wanted(self, waves: pd.DataFrame, rows: ArrayLike | None) -> tuple[Integers, np.ndarray, Memory]:
        """Return the rows asked for, which of them have a neighbour, and the memory of all."""
        check_is_fitted(self)
        checked(waves, list(self.ranges_), {})
        asked, memory = rows_of(rows, len(waves)), memory_of(waves)
        if self.rounds_ is not None:
            warn_of_forgotten(self.rounds_, waves, asked)
        return asked, memory.stored[asked] >= self.share, memory

    def _found(self, waves: pd.DataFrame, wanted: Integers, memory: Memory) -> tuple[Neighbourhood, Floats]:
        parameters = Parameters(self.scale_ * self.weights_, self.exponents_, self.offsets_)
        features = scaled(waves, self.ranges_)
        positions = parameters.transformed(features) * parameters.weights
        found = memory.nearest(positions, wanted, self.neighbours, self.share)
        return found, -found.distances

    def _aims(
        self, waves: pd.DataFrame, wanted: Integers, found: Neighbourhood, logits: Floats, widths: Floats
    ) -> Floats:
        weights = softmax(logits, found.offsets)
        if self.aim == "intervals":
            lower, upper = (number_column(waves, name)[found.rows] for name in ("lower", "upper"))
            return densest(weights, lower, upper, found.offsets)
        if not isinstance(self.kernel, Kernel):
            raise ValueError('aim: with kernel="interval", aim must be "intervals"')
        return most_mass(clusters_of(waves, wanted, found), weights, self.kernel, widths)

    def _prepared(self, waves: pd.DataFrame, wanted: Integers, memory: Memory) -> tuple[Any, Floats]:
        found, logits = self._found(waves, wanted, memory)
        return self._objective(waves, wanted, found, None), logits

    def _bot_width(self, waves: pd.DataFrame, wanted: Integers, given: ArrayLike | None) -> Floats:
        if given is not None:
            widths = numbers("bot_width", given)
            if widths.shape not in ((), (1,), (len(wanted),)):
                raise ValueError(f"bot_width has shape {widths.shape}; allowed are one number and {(len(wanted),)}")
            widths = np.broadcast_to(widths, (len(wanted),))
            if not (np.isfinite(widths) & (widths >= 0)).all():
                raise ValueError("bot_width must be finite and at least 0 guess factors")
            return widths
        missing = [name for name in ("distance", "escape_angle") if name not in waves.columns]
        if missing:
            raise ValueError(f"bot_width must be given where waves lacks the columns {', '.join(missing)}")
        return bot_width(waves, wanted)

    def _objective(
        self, waves: pd.DataFrame, wanted: Integers, found: Neighbourhood, loss: Callable[..., Any] | None
    ) -> Any:
        clusters = clusters_of(waves, wanted, found)
        if loss is not None:
            return loss(clusters, self.kernel)
        if isinstance(self.kernel, Kernel):
            return CrossEntropy(clusters, self.kernel, background=self.background)
        lower, upper = (number_column(waves, name)[found.rows] for name in ("lower", "upper"))
        return IntervalCrossEntropy(clusters, lower, upper, self.background)


def bot_width(waves: pd.DataFrame, rows: Integers) -> Floats:
    """Return how wide a robot of 36 pixels is at each wave's distance, in guess factors, (rows,)."""
    distance, escape = (number_column(waves, name)[rows] for name in ("distance", "escape_angle"))
    if (escape <= 0).any():
        raise ValueError(f"waves: escape_angle must be greater than 0, not {escape.min():g}")
    return 2 * np.arctan2(HALF_WIDTH, distance) / escape


def hits(waves: pd.DataFrame, aims: Floats, rows: Integers | None = None) -> np.ndarray:
    """Return whether each aim lies in its wave's interval, ends included, (rows,) of bool."""
    wanted = np.arange(len(waves)) if rows is None else rows
    lower, upper = (number_column(waves, name)[wanted] for name in ("lower", "upper"))
    return np.asarray((lower <= aims) & (aims <= upper))
