"""What trainers hand in: what each loss counts upstream, single precision, and how many threads may work."""

import copy

import numpy as np
import pytest
from five_points import CLUSTERS, LOGITS, LOSS
from kernels_under_test import named, sized

import kdelab
from kdelab.loss import runtime

LAPLACE = kdelab.Laplace(0.1)
EVERYTHING = ("logits", "points", "log_bandwidth")
RANDOM = np.random.default_rng(5)
MANY = kdelab.Clusters.from_padded(RANDOM.uniform(-1, 1, (300, 100)), np.full(300, -0.1), np.full(300, 0.1))
MANY_LOGITS = RANDOM.standard_normal(30_000)


@pytest.mark.parametrize("kernel", sized(0.1, 0.7), ids=lambda kernel: named(lambda _: kernel))
def test_every_gradient_is_that_of_the_weighted_sum_and_values_stay_as_they_are(kernel):
    loss, weights = kdelab.CrossEntropy(CLUSTERS, kernel), np.array([3.0, -0.5])
    plain, weighted = (loss.value_and_grads(LOGITS, EVERYTHING, w) for w in (None, weights))
    assert np.array_equal(plain[0], weighted[0])
    for name, gradient in plain[1].items():
        each = weights if len(gradient) == 2 else CLUSTERS.spread(weights)
        np.testing.assert_array_equal(weighted[1][name], gradient * each)
    (values, gradient), alone = loss.value_and_grad(LOGITS, weights=weights), loss.value_and_grad(LOGITS)
    np.testing.assert_array_equal(values, alone[0])
    np.testing.assert_array_equal(gradient, alone[1] * CLUSTERS.spread(weights))


def test_a_weight_of_0_silences_a_prediction_whose_loss_is_infinite():
    loss = kdelab.CrossEntropy(CLUSTERS.aimed_at([-0.1, 5.0], [0.1, 6.0]), kdelab.Triangular(0.5))
    values, gradients = loss.value_and_grads(LOGITS, weights=[1.0, 0.0])
    assert np.isinf(values).tolist() == [False, True]
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())


@pytest.mark.parametrize("weights", [[1.0], [1.0, np.nan], [1.0, np.inf], [[1.0, 1.0]], 2.0])
def test_weights_that_do_not_fit_are_refused_by_name(weights):
    for call in (LOSS.value_and_grad, lambda z, weights: LOSS.value_and_grads(z, weights=weights)):
        with pytest.raises(ValueError, match=r"^weights "):
            call(LOGITS, weights=weights)


def test_single_precision_comes_back_as_it_went_in_rounded_once():
    single = np.array(LOGITS, dtype=np.float32)
    for weights in (None, [0.5, 2.0]):
        values, gradients = LOSS.value_and_grads(single, EVERYTHING, weights)
        exact, exact_gradients = LOSS.value_and_grads(single.astype(np.float64), EVERYTHING, weights)
        assert values.dtype == np.float32
        assert np.array_equal(values, exact.astype(np.float32))
        for name, gradient in gradients.items():
            assert gradient.dtype == np.float32
            assert np.array_equal(gradient, exact_gradients[name].astype(np.float32))
    assert LOSS.value(single).dtype == np.float32
    assert [array.dtype for array in LOSS.value_and_grad(single)] == [np.float32, np.float32]


@pytest.mark.parametrize("form", [list, lambda z: np.array(z, np.float16), lambda z: np.zeros(len(z), np.int32)])
def test_everything_else_comes_back_in_double_precision(form):
    values, gradients = LOSS.value_and_grads(form(LOGITS))
    assert {array.dtype for array in (values, *gradients.values())} == {np.dtype(np.float64)}


def test_what_works_through_batches_stays_in_double_precision():
    single = np.array(LOGITS, dtype=np.float32)
    values, gradient = next(kdelab.iter_value_and_grad([(CLUSTERS, single)], LAPLACE, progress=False))
    assert values.dtype == gradient.dtype == np.float64
    two_pass = kdelab.TwoPass(CLUSTERS.scatter(np.random.default_rng(0), 2), LAPLACE)
    assert two_pass.value(single).dtype == np.float64


@pytest.mark.parametrize("kernel", [LAPLACE, kdelab.Gaussian(0.1), kdelab.Box(0.4)])
def test_no_digit_depends_on_threads(kernel, monkeypatch):
    dealt, within = [], runtime._pool

    def pool(threads):
        dealt.append(threads)
        return within(threads)

    monkeypatch.setattr(runtime, "_pool", pool)
    found = []
    for threads in (1, 2, 3, None):
        dealt.clear()
        loss = copy.copy(kdelab.CrossEntropy(MANY, kernel, threads=threads))
        values, gradients = loss.value_and_grads(MANY_LOGITS)
        found.append((values.tobytes(), loss.value(MANY_LOGITS).tobytes(), gradients["points"].tobytes(),
                      loss.density(MANY_LOGITS, [0.0, 0.3]).tobytes()))  # fmt: skip
        assert set(dealt) == ({threads} if threads in (2, 3) else set()) or threads is None
    assert len(set(found)) == 1


def test_a_limit_on_threads_ends_with_the_call_that_asked_for_it():
    before = runtime._most.get()
    loss = kdelab.CrossEntropy(MANY, LAPLACE, threads=2)
    with pytest.raises(ValueError, match=r"^logits "):
        loss.value(MANY_LOGITS[1:])
    loss.value(MANY_LOGITS)
    assert runtime._most.get() == before
    with runtime.at_most(3), runtime.at_most(None):
        assert runtime._most.get() == 3
