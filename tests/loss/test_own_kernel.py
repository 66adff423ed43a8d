"""A kernel of one's own, as docs/extending.md says: everywhere alike, or refused when it is defined."""

import importlib.util
import math
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.loss.kernels.base import Exponential, Kernel
from kdelab.loss.runtime import scalar


def of_the_recipe() -> Any:
    """Return the class that docs/extending.md defines, from a file of one's own."""
    text = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()
    source = re.search(r"^```python\n# kdelab/loss/kernels/sech.py\n(.*?)^```", text, re.M | re.S)[1]
    folder = Path(tempfile.mkdtemp())
    (folder / "sech.py").write_text(source)
    spec = importlib.util.spec_from_file_location("sech", folder / "sech.py")
    module = sys.modules["sech"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.rmtree(folder)
    return module.Sech


Sech = of_the_recipe()
CLUSTERS = kdelab.Clusters.from_lists([[-0.3, 0.1, 0.25], [0.9], [-4.0, 4.0]], [-0.1, 0.2, 0.0], [0.2, 0.5, 0.0])
LOGITS = np.array([0.3, -0.2, 0.5, 0.0, 1.0, 0.9])


@dataclass(frozen=True)
class Uncompiled(Sech):
    """The same, over arrays only."""

    def log_unit(self, u, xp=np):
        return super().log_unit(u, xp)


class Parabola(Kernel):
    """3/4 (1 - u^2), over arrays only."""

    kinks, support = (-1.0, 1.0), 1.0

    def log_unit(self, u, xp=np):
        return kdelab.Epanechnikov(1.0).log_unit(u)

    def slope(self, u, xp=np):
        return kdelab.Epanechnikov(1.0).slope(u)


@pytest.mark.parametrize("kind", [Sech, Uncompiled])
@pytest.mark.parametrize("background", [0.0, 0.1])
def test_a_kernel_of_one_s_own_is_as_good_as_ours(kind, background):
    kernel = kind(0.1)
    values, grads = kdelab.CrossEntropy(CLUSTERS, kernel, background=background).value_and_grads(LOGITS)
    for i, part in enumerate(CLUSTERS.slices()):
        at = (CLUSTERS.points[part], LOGITS[part], CLUSTERS.lower[i], CLUSTERS.upper[i], kernel, background)
        assert values[i] == pytest.approx(kdelab.reference.loss(*at), abs=1e-11)
        np.testing.assert_allclose(grads["logits"][part], kdelab.reference.gradient(*at), atol=1e-11)
    parts = CLUSTERS.scatter(np.random.default_rng(0), 2)
    both = kdelab.TwoPass(parts, kernel, background=background).value_and_grad(LOGITS)
    np.testing.assert_allclose(both[0], values, atol=1e-11)
    np.testing.assert_allclose(both[1], grads["logits"], atol=1e-11)
    step = 1e-6
    wider, narrower = (kdelab.CrossEntropy(CLUSTERS, kind(0.1 * math.exp(s)), background=background).value(LOGITS)
                       for s in (step, -step))  # fmt: skip
    np.testing.assert_allclose(grads["log_bandwidth"], (wider - narrower) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("rule", ["auto", kdelab.Midpoint(5), kdelab.GaussLegendre(3)], ids=repr)
@pytest.mark.parametrize("background", [0.0, 0.1])
def test_with_and_without_the_compiled_form_numbers_are_the_same(rule, background):
    assert Sech.compiled is not None
    assert Uncompiled.compiled is None
    fast, slow = (kdelab.CrossEntropy(CLUSTERS, kind(0.1), rule, background) for kind in (Sech, Uncompiled))
    for one, other in ((fast.value_and_grads(LOGITS), slow.value_and_grads(LOGITS)),):
        np.testing.assert_allclose(one[0], other[0], rtol=1e-11)
        for name in one[1]:
            np.testing.assert_allclose(one[1][name], other[1][name], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(
        fast.density(LOGITS, [-0.2, 0.1, 2.0]), slow.density(LOGITS, [-0.2, 0.1, 2.0]), rtol=1e-12
    )


def test_a_compact_kernel_over_arrays_agrees_with_the_closed_form():
    clusters = kdelab.Clusters.from_lists([[-0.3, 0.1, 0.25], [0.9, 0.4], [0.0]], [-0.1, 0.2, 0.8], [0.2, 0.5, 0.9])
    z = [0.3, -0.2, 0.5, 0.0, 1.0, 0.2]
    for background in (0.0, 0.1):
        ours, own = (kdelab.CrossEntropy(clusters, kind(0.6), background=background).value_and_grads(z)
                     for kind in (kdelab.Epanechnikov, Parabola))  # fmt: skip
        np.testing.assert_allclose(own[0], ours[0], atol=1e-11)
        finite = np.isfinite(clusters.spread(ours[0]))
        for name in ("logits", "points"):
            np.testing.assert_allclose(own[1][name][finite], ours[1][name][finite], atol=1e-9)
    assert math.isinf(kdelab.CrossEntropy(clusters, Parabola(0.6)).value(z)[2])


@pytest.mark.parametrize("kind", [Sech, Uncompiled])
def test_a_gun_takes_it(kind):
    waves = learnable(waves=120)
    gun = kdelab.NeighbourModel(kind(0.1), predictions=20, retrievals=1, max_iter=2).fit(waves)
    assert np.isfinite(gun.score(waves))


def test_two_kernels_of_one_name_don_t_run_each_other_s_code():
    first = kdelab.CrossEntropy(CLUSTERS, Sech(0.1)).value(LOGITS)

    @scalar
    def twice(kernel: Any, u: float) -> float:
        return 2.0 * u

    @scalar
    def rise(kernel: Any, u: float, more: float) -> float:
        return 2.0 * more

    @scalar
    def slope(kernel: Any, u: float) -> float:
        return -2.0

    class Narrow(Exponential):
        pass

    Narrow.exponent, Narrow.rise, Narrow.slope = twice, rise, slope

    def log_unit(self, u, xp=np):
        return -2 * u

    body = {"log_unit": log_unit, "slope": lambda self, u, xp=np: -2.0 + 0 * u, "compiled": Narrow, "kinks": (0.0,),
            "__module__": Sech.__module__, "__qualname__": Sech.__qualname__}  # fmt: skip
    other = dataclass(frozen=True)(type("Sech", (Kernel,), body))
    laplace = kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.05)).value(LOGITS)
    mine = kdelab.CrossEntropy(CLUSTERS, other(0.1)).value(LOGITS)  # K(u) = exp(-2 u), Laplace's but for a factor
    np.testing.assert_allclose(mine - laplace, math.log(0.5 / 0.05 * 0.1), atol=1e-11)
    np.testing.assert_array_equal(kdelab.CrossEntropy(CLUSTERS, Sech(0.1)).value(LOGITS), first)
