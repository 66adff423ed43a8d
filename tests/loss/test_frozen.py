"""What is kept is ours alone: nobody changes it afterwards, by any way."""

import copy
import pickle

import numpy as np
import pytest
from five_points import CLUSTERS, KERNELS, LOGITS, LOSS, LOWER, OFFSETS, PARTS, POINTS, RULES, UPPER

import kdelab
import kdelab.gun
import kdelab.learn
import kdelab.loss.engines
from kdelab.learn.distance import LinearLogits, Parameters, PowerLogits
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.intervals import IntervalCrossEntropy
from kdelab.loss.parts import Part
from kdelab.loss.scattered.laplace import ScatteredLaplace
from kdelab.loss.scattered.quadrature import ScatteredQuadrature
from kdelab.study import rest, rivals, shortcuts, shuffled


def writable(*shape_of):
    return [np.array(given, dtype=np.float64) for given in shape_of]


def made(of):
    """An object, from writable arrays, the arrays, and what it says: the same, whatever becomes of the arrays."""
    points, lower, upper, logits = writable(POINTS, LOWER, UPPER, LOGITS)
    offsets = np.array(OFFSETS, dtype=np.int64)
    kept = [points, offsets, lower, upper]
    if of == "clusters":
        return kdelab.Clusters(points, offsets, lower, upper), kept, lambda c: [*map(str, c)]
    if of == "one view of it, read-only":
        view = points.view()
        view.flags.writeable = False
        return kdelab.Clusters(view, offsets, lower, upper), kept, lambda c: [*map(str, c)]
    if of == "lists":
        lists = [points[:2], points[2:]]
        return kdelab.Clusters.from_lists(lists, lower, upper), kept, lambda c: [*map(str, c)]
    if of == "one list":
        return kdelab.Clusters.from_lists([points], lower[:1], upper[:1]), kept, lambda c: [*map(str, c)]
    if of == "part":
        prediction, rows = np.array([0, 0, 1, 1, 1]), np.arange(5)
        part = Part(points, prediction, rows, lower, upper, 0, 1, "name")
        return part, [points, lower, upper, prediction, rows], lambda p: [p.lower, p.points, p.rows]
    if of == "intervals":
        low, high = points - 0.1, points + 0.1
        loss = IntervalCrossEntropy(kdelab.Clusters(points, offsets, lower, upper), low, high, 0.1)
        return loss, [*kept, low, high], lambda loss: loss.value_and_grad(logits)
    features, rows = np.array([points, points]).T.copy(), np.array([1, 2, 3])
    found = Neighbourhood(np.array([0, 1, 3]), rows, np.zeros(3))
    weights = Parameters(np.ones(2), np.ones(2), np.zeros(2))
    kept = [features, found.offsets, rows]
    kind = LinearLogits if of == "linear logits" else PowerLogits
    return kind(features, np.array([0, 4]), found), kept, lambda logits: logits.forward(weights)


@pytest.mark.parametrize(
    "of",
    [
        *("clusters", "one view of it, read-only", "lists", "one list", "part", "intervals"),
        *("linear logits", "power logits"),
    ],
)
def test_what_was_given_may_be_changed_afterwards(of):
    thing, arrays, said = made(of)
    before = copy.deepcopy(said(thing))
    for array in arrays:
        array[...] = 7
    for one, other in zip(before, said(thing), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_prepared_loss_does_not_notice_what_becomes_of_its_arrays(kernel, rule):
    points, lower, upper, logits = writable(POINTS, LOWER, UPPER, LOGITS)
    loss = kdelab.CrossEntropy(kdelab.Clusters(points, OFFSETS, lower, upper), kernel, rule)
    values, gradients = loss.value_and_grads(logits)
    density = loss.density(logits, [0.0, 0.1])
    points -= 0.05
    lower[0] = np.nan
    upper += 1
    again, others = loss.value_and_grads(logits)
    assert values.tobytes() == again.tobytes()
    assert all(gradients[name].tobytes() == others[name].tobytes() for name in gradients)
    assert density.tobytes() == loss.density(logits, [0.0, 0.1]).tobytes()


PREPARED = [
    CLUSTERS, LOSS, PARTS[0], kdelab.TwoPass(PARTS, kdelab.Laplace(0.1)),
    ScatteredQuadrature(PARTS, kdelab.Gaussian(0.1)),
    ScatteredLaplace(PARTS, kdelab.Laplace(0.1)), rest.Rates(LOSS),
    shuffled.NormalisedInParts(PARTS, kdelab.Laplace(0.1)),
    IntervalCrossEntropy(CLUSTERS, np.zeros(5) - 0.1, np.zeros(5) + 0.1, 0.1),
    *(rival(CLUSTERS, kdelab.Laplace(0.1)) for rival in (
        rivals.MeanSquaredError, rivals.SquaredDistance, rivals.Wasserstein, rivals.CRPS, rivals.DensitySquaredError,
        rivals.Power, rivals.Linear, rivals.LogOfIntegral, shortcuts.LogOfEach, shortcuts.FixedRest)),
]  # fmt: skip


@pytest.mark.parametrize("thing", PREPARED, ids=lambda thing: type(thing).__name__)
@pytest.mark.parametrize("make", [lambda x: x, copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_nothing_of_what_is_prepared_can_be_set_or_written(thing, make):
    thing = make(thing)
    for name, value in vars(thing).items():
        with pytest.raises(AttributeError, match=name):
            setattr(thing, name, value)
        with pytest.raises(AttributeError, match=name):
            delattr(thing, name)
        if isinstance(value, np.ndarray) and value.size:
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_kernels_can_not_be_changed(kernel):
    with pytest.raises(AttributeError):
        kernel.bandwidth = 0.5


def test_what_comes_back_is_the_callers_own():
    """Writing into results, and into slices and batches, reaches nothing that is kept."""
    loss = kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1))
    results = [*loss.value_and_grad(LOGITS), *loss.value_and_grads(LOGITS)[1].values(), loss.density(LOGITS, [0.0])]
    before = [result.copy() for result in results]
    for result in results:
        result[...] = 7
    values, gradients = loss.value_and_grads(LOGITS)
    after = [*loss.value_and_grad(LOGITS), *gradients.values(), loss.density(LOGITS, [0.0])]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert values[0] != 7
    for batch in CLUSTERS.split(1):
        assert not batch.clusters.points.flags.writeable
    for points, _, _ in CLUSTERS:
        assert not points.flags.writeable


def test_large_inputs_are_copied_once():
    """Of float64, whatever else is in memory: one float64 a point for the points, none for the logits."""
    tracemalloc = pytest.importorskip("tracemalloc")
    n = 10**6
    points, logits = np.linspace(-1, 1, n), np.zeros(n)
    tracemalloc.start()
    clusters = kdelab.Clusters(points, np.arange(0, n + 1, 100), np.full(n // 100, -0.1), np.full(n // 100, 0.1))
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after <= 8.5 * n
    assert peak <= 10.5 * n  # and a truth value a point, for a moment
    assert np.shares_memory(kdelab.loss.validate.vector("logits", logits), logits)
    assert len(clusters) == n // 100
