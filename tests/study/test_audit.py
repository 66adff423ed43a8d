"""The audit finds what it is given to find."""

import numpy as np
import pytest
from sabotage import scaled_bandwidth, scaled_gradient

import kdelab
from kdelab.study import toy
from kdelab.study.audit import against_reference


@pytest.fixture
def batch():
    return toy.clusters(np.random.default_rng(1), 3, 6)


def test_the_right_library_passes(batch):
    assert max(against_reference(*batch, kdelab.Laplace(0.1))) < 1e-10


def test_a_gradient_one_percent_short_is_seen_in_the_gradient_alone(batch, monkeypatch):
    largest = abs(kdelab.CrossEntropy(batch.clusters, kdelab.Laplace(0.1)).value_and_grad(batch.logits)[1]).max()
    scaled_gradient(0.99)(monkeypatch)
    loss_error, gradient_error = against_reference(*batch, kdelab.Laplace(0.1))
    assert loss_error < 1e-10
    assert gradient_error == pytest.approx(0.01 * largest)


def test_a_wrong_bandwidth_is_seen_in_both(batch, monkeypatch):
    scaled_bandwidth(1.01)(monkeypatch)
    assert min(against_reference(*batch, kdelab.Laplace(0.1))) > 1e-5


def test_an_infinite_loss_agrees_with_an_infinite_one_only(batch, monkeypatch):
    gap = kdelab.Clusters.from_lists([[0.0]], [-1.0], [1.0])
    assert against_reference(gap, [0.0], kdelab.Box(0.1)) == (0.0, 0.0)
    scaled_bandwidth(100)(monkeypatch)
    assert against_reference(gap, [0.0], kdelab.Box(0.1))[0] == np.inf
