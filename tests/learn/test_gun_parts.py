"""What the gun is made of: the chain rule, aims, the forms of what is learned."""

from itertools import product
from typing import Any

import mpmath as mp
import numba
import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.aim import _interpolated, densest, most_mass
from kdelab.gun.judging import cross_entropy
from kdelab.gun.recall import Recall, memory_of
from kdelab.gun.waves.check import ranges_of
from kdelab.learn.checkpoint import Checkpoint
from kdelab.learn.distance import Parameters, PowerLogits
from kdelab.learn.examples import Batch, Examples, Retriever
from kdelab.learn.fit import Schedule, descend
from kdelab.learn.form import Form
from kdelab.learn.memory import Neighbourhood


def high_precision_loss(features, predictions, found, points, lower, upper, theta, kernel):
    """The mean loss in 40 digits: the formulas as they stand, nothing clever."""
    u, two_logs, logs = (theta[i * features.shape[1] : (i + 1) * features.shape[1]] for i in range(3))
    a, b = [mp.e ** (value / 2) for value in two_logs], [(mp.e**value - 1) / 1000 for value in logs]

    def power(f, x):
        return (mp.mpf("1e-4") + b[f] + mp.mpf(x)) ** a[f]

    def moved(wave):
        return [u[f] * power(f, x) / (power(f, 1) - power(f, 0)) for f, x in enumerate(features[wave])]

    total = mp.mpf(0)
    for i, wave in enumerate(predictions):
        near = found.rows[found.offsets[i] : found.offsets[i + 1]]
        z = [-sum(abs(s - t) for s, t in zip(moved(wave), moved(j), strict=True)) for j in near]
        weights = [mp.e**value for value in z]
        weights = [value / sum(weights) for value in weights]
        places = [mp.mpf(float(x)) for x in points[found.offsets[i] : found.offsets[i + 1]]]
        h = mp.mpf(kernel.bandwidth)
        shape = {
            "Laplace": lambda u: mp.e ** -abs(u) / 2,
            "Gaussian": lambda u: mp.e ** (-u * u / 2) / mp.sqrt(2 * mp.pi),
        }[type(kernel).__name__]
        ends = [mp.mpf(float(lower[i])), mp.mpf(float(upper[i]))]
        cuts = sorted({*ends, *(x for x in places if ends[0] < x < ends[1])})
        pairs = list(zip(weights, places, strict=True))
        area = mp.quad(lambda x, pairs=pairs, k=shape, h=h: mp.log(sum(s * k((x - q) / h) / h for s, q in pairs)), cuts)
        total -= area / (ends[1] - ends[0])
    return total / len(predictions)


@pytest.mark.parametrize("kernel", [kdelab.Laplace(0.2), kdelab.Gaussian(0.2)])
def test_gradients_of_all_parameters_agree_with_high_precision_differences(kernel) -> None:
    rng = np.random.default_rng(5)
    features = rng.random((12, 3))
    features[3, 1] = features[0, 1]  # a tie: no part of that distance
    features[4, 2] = 0.0
    predictions, found = np.array([0, 1]), Neighbourhood(np.array([0, 5, 9]), np.arange(2, 11), np.zeros(9))
    points, lower, upper = rng.uniform(-0.6, 0.6, 9), np.array([-0.2, 0.1]), np.array([0.2, 0.35])
    clusters = kdelab.Clusters(points, found.offsets, lower, upper)
    retriever = Retriever(features, memory_of(learnable(waves=60)), 5, 5)
    examples = Examples(
        retriever,
        Form.named("power", 3),
        predictions,
        np.ones(2),
        lambda rows, found: kdelab.CrossEntropy(clusters, kernel),
    )
    exponents, shifts = rng.uniform(0.4, 2, 3), np.append(rng.uniform(0.01, 0.5, 2), 0.0)  # the last at its bound
    theta = np.concatenate([rng.uniform(0.5, 4, 3), 2 * np.log(exponents), np.log1p(1000 * shifts)])
    value, gradient = Batch.of(examples.form, examples.prepared(found, 2.0)).value_and_grad(theta)
    with mp.workdps(30):
        exact = [mp.mpf(float(t)) for t in theta]
        step = mp.mpf("1e-10")
        arguments = (features, predictions, found, points, lower, upper)
        assert value == pytest.approx(float(high_precision_loss(*arguments, exact, kernel)), abs=1e-12)
        for i in range(len(theta)):
            up, down = ([*exact[:i], exact[i] + s, *exact[i + 1 :]] for s in (step, -step))
            slope = (high_precision_loss(*arguments, up, kernel) - high_precision_loss(*arguments, down, kernel)) / (
                2 * step
            )
            assert gradient[i] == pytest.approx(float(slope), abs=1e-8), i


def test_a_plain_power_forgets_its_offset() -> None:
    features = np.random.default_rng(1).random((9, 2))
    logits = PowerLogits(features, np.array([0]), Neighbourhood(np.array([0, 8]), np.arange(1, 9), np.zeros(8)))
    first, second = (logits.forward(Parameters(np.ones(2), np.ones(2), np.full(2, b))) for b in (0.0, 0.7))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["linear", "power"])
def test_logits_and_slopes_do_not_depend_on_the_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    sizes = rng.integers(1, 400, 120)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    found = Neighbourhood(offsets, rng.integers(0, 900, offsets[-1]), np.zeros(offsets[-1]))
    form = Form.named(name, 5)
    logits = form.logits(rng.random((900, 5)), rng.integers(0, 900, 120), found)
    parameters = form.parameters(rng.uniform(0.5, 2, len(form.bounds)))
    gradient, counts = rng.standard_normal(offsets[-1]), rng.random(120)
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        results.append([logits.forward(parameters).copy(), *logits.backward(gradient, counts)])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_the_aim_has_most_mass_in_the_window() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(-0.9, 0.9, 40)
    clusters = kdelab.Clusters(points, [0, 15, 40], [-0.1, 0.0], [0.1, 0.2])
    weights = np.concatenate([rng.dirichlet(np.ones(15)), rng.dirichlet(np.ones(25))])
    loss = kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1))
    x = np.linspace(-1, 1, 4001)
    density = loss.density(np.log(weights), x)
    aims = most_mass(clusters, weights, kdelab.Laplace(0.1), np.array([0.0, 0.3]))
    assert density[0].max() == pytest.approx(np.interp(aims[0], x, density[0]), rel=0.01)
    cumulated = np.concatenate([[0], np.cumsum((density[1][1:] + density[1][:-1]) / 2)])
    mass = np.interp(x + 0.15, x, cumulated) - np.interp(x - 0.15, x, cumulated)
    assert mass.max() == pytest.approx(np.interp(aims[1], x, mass), rel=0.002)


def test_between_the_columns_of_a_table_and_beyond_its_ends() -> None:
    rng = np.random.default_rng(7)
    table, at = rng.random((3, 9)), np.tile([-2.0, 0.0, 0.25, 3.0, 6.9, 7.5, 8.0, 8.5, 30.0], (3, 1))
    expected = [np.interp(places, np.arange(9), row) for places, row in zip(at, table, strict=True)]
    np.testing.assert_allclose(_interpolated(table, at), expected, rtol=1e-14)


def test_aims_in_a_mirror_are_mirrored() -> None:
    rng = np.random.default_rng(8)
    points = np.concatenate([rng.uniform(0.8, 1.0, 20), rng.uniform(-1.0, 1.0, 20)])
    clusters, mirrored = (kdelab.Clusters(side * points, [0, 20, 40], [-0.1, 0.0], [0.1, 0.2]) for side in (1, -1))
    weights = np.concatenate([rng.dirichlet(np.ones(20)), rng.dirichlet(np.ones(20))])
    for width in (0.0, 0.0931, 0.4567):
        aims, others = (most_mass(c, weights, kdelab.Laplace(0.03), np.full(2, width)) for c in (clusters, mirrored))
        np.testing.assert_allclose(aims, -others, atol=1e-12)


def test_the_sweep_finds_the_densest_place() -> None:
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 30, 40)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    lower = rng.uniform(-1, 0.7, offsets[-1])
    upper, weights = lower + rng.uniform(0.01, 0.3, len(lower)), rng.random(len(lower))
    aims = densest(weights, lower, upper, offsets)
    for i in range(len(sizes)):
        part = slice(offsets[i], offsets[i + 1])
        edges = np.sort(np.concatenate([lower[part], upper[part]]))
        x = (edges[1:] + edges[:-1]) / 2  # the middle of each stretch
        height = weights[part] @ ((lower[part, None] <= x) & (x <= upper[part, None]))
        assert aims[i] == pytest.approx(x[height.argmax()], abs=1e-15)


def test_an_aim_on_the_edge_hits() -> None:
    waves = learnable(waves=60)
    waves.loc[:1, "lower"], waves.loc[:1, "upper"] = [0.0, 0.1], [0.2, 0.3]
    assert Recall(waves).hit(np.array([0.2, 0.05]), np.arange(2)).tolist() == [True, False]


@pytest.mark.parametrize("name", ["scale", "linear", "power"])
def test_the_unevenness_of_parameters_and_its_derivatives(name: str) -> None:
    form = Form.named(name, 4)
    rng = np.random.default_rng(1)
    assert form.unevenness(form.start)[0] == 0
    theta = rng.uniform(0.1, 4, len(form.start))
    value, slope = form.unevenness(theta)
    weights, exponents, shifts = form.parameters(theta)
    by_hand = ((weights - weights.mean()) / 4) ** 2 + (exponents - 1) ** 2 + shifts**2
    assert value == pytest.approx(by_hand.mean(), abs=1e-14)
    for i in range(len(theta)):
        step = np.zeros(len(theta))
        step[i] = 1e-6
        rise = form.unevenness(theta + step)[0] - form.unevenness(theta - step)[0]
        assert slope[i] == pytest.approx(rise / 2e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["scale", "linear", "power"])
def test_features_are_alike_at_the_start_and_the_start_lies_within_the_bounds(name: str) -> None:
    form = Form.named(name, 3)
    np.testing.assert_array_equal(form.parameters(form.start), [[4] * 3, [1] * 3, [0] * 3])
    low, high = np.array(form.bounds).T
    assert (low <= form.start).all()
    assert (form.start <= high).all()


def test_powers_converge_in_few_evaluations_and_a_shift_may_end_at_its_bound() -> None:
    names = ["lateral_speed", "room_ahead", "power"]
    recall = Recall(learnable())
    rows = np.flatnonzero(recall.memory.stored >= 150)
    retriever = Retriever(recall.scaled(ranges_of(recall.waves, names, {})), recall.memory, 30, 5)
    form = Form.named("power", len(names))

    def objective(rows: Any, found: Neighbourhood) -> Any:
        return cross_entropy(recall, rows, found, kdelab.Laplace(0.1), 0.0)

    batch = Examples(retriever, form, rows, np.ones(len(rows)), objective).batch(form.start)
    theta, evaluations = descend(batch, Schedule(1, max_iter=1000), form.start, 0.0, Checkpoint(None, {}))
    loss, gradient = batch.value_and_grad(theta)
    assert evaluations < 90, "weights, exponents and shifts as they are take 163"
    assert loss == pytest.approx(-0.782056, abs=2e-6), "what those come to"
    low, high = np.array(form.bounds).T
    assert (np.clip(theta - gradient, low, high) - theta) == pytest.approx(0, abs=1e-4)
    weights, _, shifts = form.parameters(theta)
    assert weights.argmax() == shifts.argmin() == 0
    assert shifts[0] == 0.0


def test_of_weights_within_bounds_no_distance_overflows() -> None:
    form = Form.named("power", 1)
    features = np.array([[0.0], [0.3], [1.0]])
    for theta in product(*form.bounds):
        parameters = form.parameters(np.array(theta))
        t = parameters.positions(features)
        assert np.isfinite(t).all()
        assert t[2, 0] - t[0, 0] == pytest.approx(theta[0], rel=1e-13)
        assert np.isfinite(form.pulled_back(np.array(theta), np.ones((3, 1)))).all()
        assert 0 < parameters.exponents[0] < 5.000001
        assert 0 <= parameters.shifts[0] < 2.000001
