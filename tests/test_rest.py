import math

import numpy as np
import pytest

import kdelab
from kdelab.study import hard, rest, toy
from kdelab.study.bins import Ragged


@pytest.fixture
def batch():
    return toy.clusters(np.random.default_rng(8), 40, 12)


def test_an_em_step_never_raises_the_loss_and_ends_on_the_mean_responsibilities(batch):
    loss = kdelab.CrossEntropy(batch.clusters, kdelab.Gaussian(0.2))
    z = batch.logits
    for _ in range(5):
        before, gradient = loss.value_and_grad(z)
        moved = rest.em_step(batch.clusters, z, gradient)
        weight = np.exp(Ragged(batch.clusters).log_softmax(z))
        np.testing.assert_allclose(np.exp(Ragged(batch.clusters).log_softmax(moved)), weight - gradient, atol=1e-14)
        assert (loss.value(moved) <= before + 1e-12).all()
        z = moved


def test_the_certificate_bounds_the_gap_and_closes(batch):
    loss = kdelab.CrossEntropy(batch.clusters, kdelab.Laplace(0.15))
    best = rest.settle(loss, batch.clusters, batch.logits, steps=300)
    value, gradient = loss.value_and_grad(batch.logits)
    lowest, at_rest = loss.value_and_grad(best)
    bound = rest.certificate(batch.clusters, batch.logits, gradient)
    assert (value - lowest <= bound + 1e-12).all()
    assert (rest.certificate(batch.clusters, best, at_rest) >= -1e-12).all()
    assert np.median(rest.certificate(batch.clusters, best, at_rest)) < 1e-2
    slow = rest.expectation_maximisation(loss, batch.clusters, batch.logits, 100)
    assert (loss.value(slow) >= lowest - rest.certificate(batch.clusters, best, at_rest) - 1e-9).all()
    assert np.median(loss.value(slow) - lowest) < 0.02


@pytest.mark.parametrize(("kernel", "limit"), [(kdelab.Laplace(0.3), 2), (kdelab.Gaussian(7.0), math.sqrt(12))])
def test_one_point_takes_all_up_to_the_known_width(kernel, limit):
    assert rest.one_point_limit(kernel) == pytest.approx(limit, rel=5e-3)


def test_one_point_limit_needs_a_tail():
    with pytest.raises(ValueError, match="kernel must have tails"):
        rest.one_point_limit(kdelab.Box(0.1))


def test_distances_and_coverage():
    clusters = kdelab.Clusters.from_lists([[-0.3, 0.5], [0.05, 0.1, 0.9], [0.4]], [0.0, 0.0, 0.4], [0.2, 0.2, 0.4])
    np.testing.assert_allclose(hard.distance_to_target(clusters), [0.3, 0.3, 0, 0, 0.7, 0], atol=1e-15)
    np.testing.assert_allclose(hard.nearest(clusters), [0.3, 0, 0], atol=1e-15)
    np.testing.assert_allclose(hard.covered(clusters, 0.05), [0, 0.75, 1], atol=1e-14)
    np.testing.assert_allclose(hard.covered(clusters, 0.31), [0.1, 1, 1], atol=1e-14)


def test_reached_is_between_nothing_and_all():
    clusters = kdelab.Clusters.from_lists([[0.1], [0.1], [30.0]], [0.1, 0.0, 0.0], [0.1, 0.2, 0.2])
    share = hard.reached(clusters, kdelab.Gaussian(0.1), np.zeros(3))
    assert share[0] == pytest.approx(1)
    assert 0.5 < share[1] < 1
    assert share[2] == 0
