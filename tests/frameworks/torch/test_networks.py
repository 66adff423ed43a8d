"""Networks that weight neighbours: their loss, their logits, and whether the shipped cells are what comes out."""

import numpy as np
import pandas as pd
import pytest
import torch

import kdelab
from kdelab.gun.compare import cells, embedding, gains, learned, networks, sets
from kdelab.gun.waves.features import RANGES

KERNEL = kdelab.Laplace(0.1)


@pytest.fixture(scope="module")
def found():
    recall = kdelab.Recall(kdelab.load_waves("samples"), within_round=True)
    return networks.Found.of(recall, np.flatnonzero(recall.memory.stored >= 50)[::400])


@pytest.mark.parametrize("bins", [1, 4, 64])
def test_the_binned_loss_and_its_gradient_are_those_of_midpoint_bins(found, bins):
    clusters = found.clusters()
    logits = torch.tensor(np.random.default_rng(bins).normal(size=len(clusters.points)), requires_grad=True)
    losses = embedding.binned(logits, clusters, KERNEL, bins)
    losses.sum().backward()
    values, gradient = kdelab.CrossEntropy(clusters, KERNEL, kdelab.Midpoint(bins)).value_and_grad(logits.detach())
    np.testing.assert_allclose(losses.detach(), values, atol=1e-12)
    np.testing.assert_allclose(logits.grad, gradient, atol=1e-12)


def test_a_network_that_is_a_diagonal_matrix_is_the_weighted_distance():
    rng = np.random.default_rng(0)
    features, weights = rng.random((9, 3)), np.array([0.5, 2.0, 1.0])
    network = embedding.Embedding(3, 3, 3)
    first, _, last = network.layers
    with torch.no_grad():
        for layer, diagonal in ((first, np.full(3, 1e-3)), (last, 1e3 * weights)):  # so small that tanh is straight
            layer.weight.copy_(torch.diag(torch.tensor(diagonal)))
            layer.bias.zero_()
    rows, neighbours = np.array([7, 8]), np.arange(6)
    found = kdelab.learn.memory.Neighbourhood(np.array([0, 2, 6]), neighbours, np.zeros(6))
    owner = np.array([0, 0, 1, 1, 1, 1])
    expected = -(abs(features[rows[owner]] - features[neighbours]) * weights).sum(axis=1)
    table = torch.tensor(features, dtype=torch.float32)
    np.testing.assert_allclose(network.logits(features, rows, found), expected, atol=1e-5)
    trained_on = network(table[rows], table[neighbours], torch.tensor(owner)).detach()
    np.testing.assert_allclose(trained_on, expected, atol=1e-5)


def test_training_lowers_the_loss_repeats_itself_and_leaves_torch_s_own_chance_alone(found):
    batch = found.recall.scaled(RANGES), found.rows, found.neighbours, found.clusters(), KERNEL
    short = networks.Training(hidden=16, width=8, epochs=5, batch=16)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    logits = [
        found.logits(embedding.trained(*batch, seed, short, bins).logits) for seed, bins in ((3, 0), (3, 0), (3, 4))
    ]
    assert torch.rand(1) == expected
    np.testing.assert_array_equal(logits[0], logits[1])
    assert abs(logits[2] - logits[0]).max() > 0
    plain = embedding.Embedding(len(RANGES), 16, 8)
    loss = kdelab.CrossEntropy(found.clusters(), KERNEL)
    assert loss.value(logits[0]).mean() < loss.value(found.logits(plain.logits)).mean() - 0.02


def test_cells_computed_again_are_those_of_the_file():
    """One training of the real size, of weights and of a network; another machine's rounding may move a shot or two."""
    seed, waves = networks.SEEDS[0], sets.battles_of(sets.FRESH)
    exam = learned.real_shots(learned.SEEN, waves, at=["sample.Crazy", "sample.Walls"], set=sets.FRESH)
    asked = networks.Examined(exam, networks.SETTINGS["kernel"])
    learners = {name: networks.LEARNERS[name] for name in (learned.LINEAR, networks.NETWORK)}
    training = kdelab.load_waves("samples")
    again = pd.concat(
        [asked.cells(name, seed, weigh) for name, _, weigh in networks.trained(training, [seed], learners)]
    )
    shipped = cells.of_set(cells.load("networks"), sets.FRESH)
    apart = gains.disagreement(shipped, again.reset_index(drop=True))
    assert apart.hits.difference <= 0.4
    assert apart.loss.difference <= 0.003
