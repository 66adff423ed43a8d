"""A kernel of one's own, as docs/extending.md says: everywhere alike, or refused when it is defined."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.loss.kernels.base import Compiled, Exponential, Kernel
from kdelab.loss.runtime import scalar


@scalar
def _exponent(kernel: Any, u: float) -> float:
    return u + math.log1p(math.exp(-2.0 * u)) - math.log(2.0)


@scalar
def _rise(kernel: Any, u: float, more: float) -> float:
    decay = math.exp(-2.0 * u)
    return more + math.log1p(math.expm1(-2.0 * more) * decay / (1.0 + decay))


@scalar
def _slope(kernel: Any, u: float) -> float:
    return -math.tanh(u)


class _Compiled(Exponential):
    exponent, rise, slope = _exponent, _rise, _slope


@dataclass(frozen=True)
class Sech(Kernel):
    """K(u) = 1 / (pi cosh u)."""

    compiled: ClassVar[type[Compiled]] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        return -u - xp.log1p(xp.exp(-2 * u)) + math.log(2 / math.pi)

    def slope(self, u: Any, xp: Any = np) -> Any:
        return -xp.tanh(u)


CLUSTERS = kdelab.Clusters.from_lists([[-0.3, 0.1, 0.25], [0.9], [-4.0, 4.0]], [-0.1, 0.2, 0.0], [0.2, 0.5, 0.0])
LOGITS = np.array([0.3, -0.2, 0.5, 0.0, 1.0, 0.9])


@pytest.mark.parametrize("background", [0.0, 0.1])
def test_a_kernel_of_one_s_own_is_as_good_as_ours(background):
    kernel = Sech(0.1)
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
    wider, narrower = (kdelab.CrossEntropy(CLUSTERS, Sech(0.1 * math.exp(s)), background=background).value(LOGITS)
                       for s in (step, -step))  # fmt: skip
    np.testing.assert_allclose(grads["log_bandwidth"], (wider - narrower) / (2 * step), atol=1e-7)


def test_a_gun_takes_it():
    waves = learnable()
    gun = kdelab.NeighbourModel(Sech(0.1), retrievals=1, max_iter=2).fit(waves)
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


def test_a_kernel_without_its_compiled_form_is_refused_when_it_is_defined():
    with pytest.raises(TypeError, match=r"Mine defines log_unit, so it must define compiled.*extending\.md"):

        class Mine(kdelab.Laplace):
            def log_unit(self, u, xp=np):
                return -2 * u
