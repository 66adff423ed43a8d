"""Right answers that need no oracle: by symmetry, by repetition, by counting all cases."""

from itertools import combinations

import numpy as np
import oracle
import pytest
from kernels_under_test import ALL, named

import kdelab
from kdelab.study import rest, toy
from kdelab.study.shuffled import NormalisedInParts, leading_bias

KERNELS = [kdelab.Laplace(0.1), kdelab.Gaussian(0.1), kdelab.Cauchy(0.1), kdelab.GeneralizedNormal(0.5, 0.1)]
by_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=repr)

BOX = kdelab.Clusters.from_lists([[0.0], [0.5, -0.25]], [0.25, 0.25], [0.25, 0.25])  # all three at a distance of h


@pytest.mark.parametrize("rule", ["auto", kdelab.Exact(), kdelab.Adaptive(), kdelab.Midpoint(3)], ids=repr)
def test_a_box_is_closed(rule):
    loss = kdelab.CrossEntropy(BOX, kdelab.Box(0.25), rule)
    values, gradient = loss.value_and_grad([0.0, 0.0, 0.0])
    np.testing.assert_allclose(values, [np.log(0.5), np.log(1.0)], atol=1e-15)  # 1 / 2h, and half of it
    np.testing.assert_allclose(gradient, [0, -0.5, 0.5], atol=1e-15)
    np.testing.assert_allclose(loss.density([0.0, 0.0, 0.0], [-0.25, 0.25]), [[2, 2], [1, 1]], atol=1e-15)
    assert kdelab.reference.loss([0.0], [0.0], 0.25, 0.25, kdelab.Box(0.25)) == pytest.approx(np.log(0.5), abs=1e-15)


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize("copies", [13, 40, 300])
def test_a_point_many_times_is_a_point_with_its_weight(make, copies):
    """A cluster of 5 points, 65, 200 or 1,500 of them: the loss is the same, and a copy's share of the gradient."""
    points, logits = np.array([-0.31, -0.05, 0.02, 0.11, 0.44]), np.array([0.5, -1.0, 0.3, 0.0, 1.2])
    few = kdelab.Clusters.from_lists([points], [-0.1], [0.2])
    many = kdelab.Clusters.from_lists([np.tile(points, copies)], [-0.1], [0.2])
    for background in (0.0, 0.1):
        loss, gradient = kdelab.CrossEntropy(few, make(0.3), background=background).value_and_grad(logits)
        same, shared = kdelab.CrossEntropy(many, make(0.3), background=background).value_and_grad(
            np.tile(logits, copies)
        )
        np.testing.assert_allclose(same, loss, rtol=1e-11)
        np.testing.assert_allclose(shared * copies, np.tile(gradient, copies), atol=1e-11)


@pytest.mark.parametrize("size", [65, 130])
def test_large_clusters_against_mpmath(size):
    rng = np.random.default_rng(size)
    x, z = rng.uniform(-1, 1, size), 2 * rng.standard_normal(size)
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([x], [-0.2], [0.1]), kdelab.Laplace(0.05))
    value, gradient = loss.value_and_grad(z)
    exact, by_logit, _ = oracle.laplace(x, z, -0.2, 0.1, 0.05)
    assert value[0] == pytest.approx(float(exact), abs=1e-13)
    np.testing.assert_allclose(gradient, np.array(by_logit, dtype=float), atol=1e-14)


@pytest.mark.parametrize("make", ALL, ids=named)
def test_a_large_batch_is_its_clusters_one_by_one(make):
    """Sixty clusters of 1 to 120 points, some 3,600 in all: no place in a batch is different from any other."""
    rng = np.random.default_rng(9)
    points = [rng.uniform(-1, 1, k) for k in rng.permutation(np.arange(1, 121, 2))]
    lower = rng.uniform(-0.9, 0.5, len(points))
    batch = kdelab.Clusters.from_lists(points, lower, lower + rng.uniform(0.01, 0.4, len(points)))
    z = rng.standard_normal(len(batch.points))
    values, gradient = kdelab.CrossEntropy(batch, make(0.3)).value_and_grad(z)
    for i, (x, a, b) in enumerate(batch):
        rows = batch.rows(slice(i, i + 1))
        alone = kdelab.CrossEntropy(kdelab.Clusters.from_lists([x], [a], [b]), make(0.3)).value_and_grad(z[rows])
        assert values[i] == alone[0][0]
        np.testing.assert_array_equal(gradient[rows], alone[1])


@by_kernel
def test_the_certificate_and_the_step_of_each_cluster_are_its_own(kernel):
    clusters, z = toy.clusters(np.random.default_rng(2), 12, 9)
    loss = kdelab.CrossEntropy(clusters, kernel)
    gradient, rates = loss.value_and_grad(z)[1], rest.Rates(loss)
    bound, moved = rates.certificate(z), rates.em_step(z)
    assert bound.std() > 0.1
    for i in range(len(clusters)):
        rows = clusters.rows([i])
        weight = np.exp(z[rows]) / np.exp(z[rows]).sum()
        alone = np.log(1 + (-gradient[rows] / weight).max())
        assert bound[i] == pytest.approx(alone, rel=1e-9)
        after = np.exp(moved[rows]) / np.exp(moved[rows]).sum()
        np.testing.assert_allclose(after, weight - gradient[rows], atol=1e-10)


@pytest.mark.parametrize("even", ["weights", "responsibilities", "neither"])
def test_the_derived_bias_is_the_mean_over_all_ways_to_cut(even):
    """Six points in two halves, 20 ways: where weights and kernels are nearly even the formula is nearly exact."""
    rng = np.random.default_rng(4)
    x = 1.0 + 1e-4 * rng.standard_normal(6)
    z = {"weights": np.zeros(6), "responsibilities": x, "neither": 1e-4 * rng.standard_normal(6)}[even]
    clusters, kernel = kdelab.Clusters.from_lists([x], [0.0], [0.0]), kdelab.Laplace(1.0)
    true = kdelab.CrossEntropy(clusters, kernel).value_and_grad(z)[1]
    cuts = [np.isin(np.arange(6), half).astype(int) for half in combinations(range(6), 3)]
    mean = np.mean([NormalisedInParts(clusters.cut(cut, 2), kernel).value_and_grad(z)[1] for cut in cuts], axis=0)
    weight, reached = (np.exp(v) / np.exp(v).sum() for v in (z, z - x))
    derived = leading_bias(weight, reached[:, None], np.ones(1), 2)
    assert abs(derived).max() > 1e-6
    np.testing.assert_allclose(derived, mean - true, atol=2e-3 * abs(derived).max())
