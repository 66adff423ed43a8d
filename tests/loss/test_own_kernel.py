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
from kernels_under_test import sized
from made_up_waves import learnable

import kdelab
from kdelab.loss.kernels.base import Algebraic, Compact, Exponential, Kernel
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


@scalar
def height(kernel: Any, before: float, behind: float) -> float:
    return (before * behind) ** 2


@scalar
def steepness(kernel: Any, u: float, before: float, behind: float) -> float:
    return -4.0 * u * before * behind


class BiweightCompiled(Compact):
    height, steepness = height, steepness


class Biweight(Kernel):
    """15/16 (1 - u^2)^2, compiled: it falls to 0 with its slope."""

    kinks, support, compiled = (-1.0, 1.0), 1.0, BiweightCompiled

    def log_unit(self, u, xp=np):
        return 2 * kdelab.Epanechnikov(1.0).log_unit(u) + math.log(15 / 16 / 0.75**2)

    def slope(self, u, xp=np):
        return 2 * kdelab.Epanechnikov(1.0).slope(u)


@pytest.mark.parametrize(
    ("background", "kind"),
    [
        (0.0, Uncompiled),
        (0.1, Uncompiled),
        *(pytest.param(background, Sech, marks=pytest.mark.slow) for background in (0.0, 0.1)),
    ],
)
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


class CompiledParabola(Parabola):
    """The same, compiled, but without the closed form."""

    compiled = kdelab.Epanechnikov.compiled


@pytest.mark.parametrize("kind", [Parabola, CompiledParabola])
@pytest.mark.parametrize("background", [0.0, 0.05])
@pytest.mark.parametrize("h", [0.02, 0.1, 0.5])
def test_a_compact_kernel_is_as_good_with_gaps_in_its_density_and_beyond_the_background(kind, background, h):
    rng = np.random.default_rng(0)
    points = [rng.uniform(-1.1, 1.1, rng.integers(1, 9)) for _ in range(20)]
    lower = np.r_[rng.uniform(-1.2, 0.8, 19), points[19].min() - 2 * h]  # the last begins a bandwidth before all points
    clusters = kdelab.Clusters.from_lists(points, lower, lower + np.r_[rng.choice([0.0, 0.05, 0.3], 19), h])
    z = rng.normal(size=clusters.offsets[-1])
    ours, own = (kdelab.CrossEntropy(clusters, kind(h), background=background).value_and_grads(z)
                 for kind in (kdelab.Epanechnikov, kind))  # fmt: skip
    assert np.isinf(ours[0]).any()
    np.testing.assert_allclose(own[0], ours[0], rtol=1e-10, atol=1e-10)
    finite = np.isfinite(clusters.spread(ours[0]))
    np.testing.assert_allclose(own[1]["logits"][finite], ours[1]["logits"][finite], atol=1e-9)
    np.testing.assert_allclose(own[1]["points"], ours[1]["points"], rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(own[1]["log_bandwidth"], ours[1]["log_bandwidth"], rtol=1e-7, atol=1e-7)


@pytest.mark.slow
def test_a_compact_kernel_s_last_digits_at_its_end_decide_where_it_is_alone():
    """The target ends where the only point over it does: log K falls without a bound, its mean does not."""
    clusters, biweight = kdelab.Clusters.from_lists([[0.95]], [1.0], [1.05]), 15 / 16 / 0.1
    u = np.array([0.5, 1.0])
    of_log_K = 2 * ((1 + u) * np.log1p(u) - (1 - u) * np.log(np.maximum(1 - u, 1e-300)) - 2 * u)
    loss = -np.diff(of_log_K)[0] / 0.5 - math.log(biweight)
    assert kdelab.CrossEntropy(clusters, Biweight(0.1)).value([0.0])[0] == pytest.approx(loss, abs=1e-11)
    assert kdelab.CrossEntropy(clusters, Biweight(0.1)).value_and_grads([0.0])[0][0] == pytest.approx(loss, abs=1e-11)


@pytest.mark.parametrize("kernel", [Parabola(0.1), CompiledParabola(0.1), *sized(0.1, 0.1)], ids=repr)
@pytest.mark.parametrize("rule", ["auto", kdelab.Midpoint(4)], ids=repr)
def test_where_the_loss_is_infinite_no_step_helps(kernel, rule):
    clusters = kdelab.Clusters.from_lists([[0.0, 0.1], [0.0, 0.1]], [0.15, 0.05], [0.4, 0.08])
    loss, slopes = kdelab.CrossEntropy(clusters, kernel, rule).value_and_grads([0.0, 0.3, 0.0, 0.3])
    assert np.isinf(loss[0]) == (kernel.support < np.inf)
    if np.isinf(loss[0]):
        assert slopes["points"][:2].tolist() == [0.0, 0.0]
        assert slopes["log_bandwidth"][0] == 0.0
    assert np.isfinite(loss[1])


@pytest.mark.parametrize("kind", [Sech, Uncompiled])
def test_a_gun_takes_it(kind):
    waves = learnable(waves=120)
    gun = kdelab.NeighbourModel(kind(0.1), predictions=20, retrievals=1, max_iter=2).fit(waves)
    assert np.isfinite(gun.score(waves))


def test_tails_too_light_for_their_family_are_refused():
    @scalar
    def ratio(kernel: Any, u: float) -> float:
        return (1.0 + u * u / 3.0) ** -2.0

    class Light(Algebraic):
        pass

    Light.ratio = ratio

    class StudentT(Kernel):
        compiled, log_concave = Light, False

        def log_unit(self, u, xp=np):
            return -2 * xp.log1p(u * u / 3) + math.log(2 / math.pi / math.sqrt(3))

        def slope(self, u, xp=np):
            return -4 * u / (3 + u * u)

    with pytest.raises(
        ValueError, match=r"kernel must not be Algebraic where K.u. falls faster than u.-2, as .*StudentT"
    ):
        kdelab.CrossEntropy(CLUSTERS, StudentT(0.1))


@pytest.mark.slow
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
