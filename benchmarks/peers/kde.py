"""Libraries for kernel densities: losses only, one cluster at a time."""

from typing import Any

import numpy as np
from KDEpy import NaiveKDE
from sklearn.neighbors import KernelDensity

from benchmarks.cases import Batch, Evaluation
from benchmarks.peers.binned import background, bin_centres, peak

_KDEPY = {
    "laplace": "exponential", "gaussian": "gaussian", "box": "box", "triangular": "tri", "epanechnikov": "epa",
}  # fmt: skip
_SKLEARN = {
    "laplace": "exponential", "gaussian": "gaussian", "box": "tophat", "triangular": "linear",
    "epanechnikov": "epanechnikov",
}  # fmt: skip


def kdepy(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """KDEpy's NaiveKDE per cluster; it has no gradient."""
    name, rest = _KDEPY[kernel], background(kernel)
    unit = NaiveKDE(kernel=name, bw=1.0).fit(np.zeros(1)).evaluate(np.array([0.0, 1.0]))
    # KDEpy scales each kernel to a standard deviation of bw: find the bw that gives K(0) = 1 / (2 h), say.
    bw = unit[0] / peak(kernel, batch.bandwidth)

    def evaluate() -> tuple[Any, Any]:
        losses = []
        for x, z, a, b in zip(*batch[:2], *batch[2:4], strict=True):
            places = a + (b - a) * bin_centres(bins, x.dtype)
            p = NaiveKDE(kernel=name, bw=bw).fit(x, weights=np.exp(z - z.max())).evaluate(places)
            losses.append(-np.log((1 - rest) * p + rest / 2).mean())
        return np.array(losses), None

    return evaluate


def sklearn(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """scikit-learn's KernelDensity per cluster; it has no gradient."""
    name, rest = _SKLEARN[kernel], background(kernel)

    def evaluate() -> tuple[Any, Any]:
        losses = []
        for x, z, a, b in zip(*batch[:2], *batch[2:4], strict=True):
            places = a + (b - a) * bin_centres(bins, x.dtype)
            estimate = KernelDensity(bandwidth=batch.bandwidth, kernel=name, rtol=1e-8)
            estimate.fit(x[:, None], sample_weight=np.exp(z - z.max()))
            p = np.exp(estimate.score_samples(places[:, None]))
            losses.append(-np.log((1 - rest) * p + rest / 2).mean())
        return np.array(losses), None

    return evaluate
