"""The gate: what isn't real numbers is refused by name, what is kept is ours alone, and one form is compiled once."""

import copy
import datetime
import importlib
import pickle
import pkgutil
from decimal import Decimal
from fractions import Fraction

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from kernels_under_test import sized

import kdelab
import kdelab.gun
import kdelab.learn
import kdelab.loss.engines
from kdelab.gun.aim import densest
from kdelab.gun.waves.columns import rows_of
from kdelab.gun.waves.geometry import bullet_speed, escape_angle, target_interval
from kdelab.learn.distance import LinearLogits, Parameters, PowerLogits
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.intervals import IntervalCrossEntropy
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.parts import Part
from kdelab.loss.runtime import _Cache
from kdelab.loss.scattered.laplace import ScatteredLaplace
from kdelab.loss.scattered.quadrature import ScatteredQuadrature
from kdelab.study import hard, moves, rest, rivals, shortcuts, shuffled, toy

POINTS, OFFSETS = [0.1, 0.2, -0.3, 0.4, 0.0], [0, 2, 5]
LOWER, UPPER, LOGITS = [-0.1, 0.3], [0.2, 0.5], [0.0, 1.0, -1.0, 0.5, 0.2]
KERNELS = sized(0.1, 1.0)
RULES = ["auto", kdelab.Adaptive(1e-8), kdelab.Midpoint(3), kdelab.GaussLegendre(4)]
CLUSTERS = kdelab.Clusters(POINTS, OFFSETS, LOWER, UPPER)
LOSS = kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1))
PARTS = CLUSTERS.scatter(np.random.default_rng(0), 2)


# ---- what isn't numbers

TEXT = ["0.1", "0.2", "-0.3", "0.4", "0"]
NO_VECTORS = {
    "masked": np.ma.array(POINTS, mask=[0, 0, 1, 0, 0]),
    "masked, with nothing masked": np.ma.array(POINTS),
    "complex": np.array(POINTS) + 0j,
    "complex in a list": [0.1, 0.2, -0.3, 0.4, 0j],
    "dates": np.arange(5).astype("datetime64[D]"),
    "durations": np.arange(5).astype("timedelta64[s]"),
    "dates with a zone": pd.Series(pd.date_range("2022-03-13", periods=5, tz="UTC")),
    "datetimes": [datetime.datetime(2022, 3, 13)] * 5,
    "time deltas": [datetime.timedelta(1)] * 5,
    "not a time": pd.Series([pd.NaT] * 5, dtype=object),
    "text": TEXT,
    "text array": np.array(TEXT),
    "text objects": np.array(TEXT, dtype=object),
    "text column": pd.Series(TEXT),
    "one text among numbers": np.array([0.1, 0.2, -0.3, 0.4, "0"], dtype=object),
    "text in Arrow": pa.array(TEXT),
    "a word": "five points",
    "bytes": b"12345",
    "bytearray": bytearray(5),
    "view of bytes": memoryview(b"12345"),
    "bytes array": np.array([b"1"] * 5),
    "records": np.zeros(5, dtype=[("x", float)]),
    "missing": pd.array([1, 2, None, 4, 5], dtype="Int64"),
    "none": [0.1, 0.2, None, 0.4, 0.0],
    "sparse": scipy.sparse.csr_array(np.array([POINTS])),
    "too large": [10**400, 0, 0, 0, 0],
    "nested": [[0.1], [0.2, 0.3]],
    "set": {0.1, 0.2, 0.3, 0.4, 0.5},
    "mapping": dict.fromkeys(range(5), 0.1),
    "nothing": None,
    "object": object(),
}
VECTORS = {
    "points": lambda given: kdelab.Clusters(given, OFFSETS, LOWER, UPPER),
    "points[1]": lambda given: kdelab.Clusters.from_lists([[0.0], given], LOWER, UPPER),
    "lower": lambda given: kdelab.Clusters(np.zeros(5), np.arange(6), given, np.full(5, 9.0)),
    "upper": lambda given: kdelab.Clusters(np.zeros(5), np.arange(6), np.full(5, -9.0), given),
    "offsets": lambda given: kdelab.Clusters(POINTS, given, LOWER, UPPER),
    "predictions": CLUSTERS.take,
    "assignment": lambda given: CLUSTERS.cut(given, 9),
    "logits": LOSS.value_and_grad,
    "x": lambda given: LOSS.density(LOGITS, given),
    "d": kdelab.Cauchy(0.1).log,
    "rows": lambda given: rows_of(given, 9),
    "power": bullet_speed,
    "speed": escape_angle,
    "logits of batches[0]": lambda given: list(kdelab.iter_value_and_grad([(CLUSTERS, given)], kdelab.Box(1.0))),
    "by": lambda given: moves.away(CLUSTERS, given),
    "shifts": lambda given: moves.one_sided(CLUSTERS, given),
    "held": lambda given: shortcuts.FixedNormaliser(CLUSTERS, kdelab.Laplace(0.1)).value(LOGITS, given),
    "weights": lambda given: shuffled.leading_bias(given, np.ones((5, 1)), [1.0], 2),
}
ALSO_LOGITS = {
    "value": LOSS.value,
    "value_and_grads": LOSS.value_and_grads,
    "density": lambda given: LOSS.density(given, [0.0]),
    "two passes": kdelab.TwoPass(PARTS, kdelab.Laplace(0.1)).value_and_grad,
    "two passes at nodes": kdelab.TwoPass(PARTS, kdelab.Gaussian(0.1)).value,
    "in parts": shuffled.NormalisedInParts(PARTS, kdelab.Laplace(0.1)).value_and_grad,
    "intervals": IntervalCrossEntropy(CLUSTERS, np.zeros(5) - 0.1, np.zeros(5) + 0.1, 0.1).value,
    "rival": rivals.Power(CLUSTERS, kdelab.Laplace(0.1)).value_and_grad,
    "certificate": rest.Rates(LOSS).certificate,
    "EM": rest.Rates(LOSS).em_step,
    "settle": lambda given: rest.settle(LOSS, CLUSTERS, given),
    "reached": lambda given: hard.reached(CLUSTERS, kdelab.Laplace(0.1), given),
    "reference": lambda given: kdelab.reference.loss(POINTS, given, -0.1, 0.1, kdelab.Laplace(0.1)),
    "explorer": lambda given: kdelab.explore(POINTS, given),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("given", NO_VECTORS.values(), ids=NO_VECTORS)
def test_what_is_not_numbers_is_refused_by_name_everywhere(given):
    for name, call in VECTORS.items():
        if name == "rows" and given is None:
            continue  # there, none means all
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            call(given)
        assert str(refused.value).startswith(f"{name} "), name
    for name, call in ALSO_LOGITS.items():
        if name == "explorer" and given is None:
            continue  # there, none means zeros
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            call(given)
        assert str(refused.value).startswith(("logits ", "start ")), name


NO_SCALARS = {
    "text": "0.1", "bytes": b"0.1", "complex": 0.1 + 0j, "NumPy complex": np.complex128(0.1), "none": None,
    "masked": np.ma.masked, "masked 0-d": np.ma.array(0.1), "duration": np.timedelta64(5, "s"), "array": [0.1],
    "date": datetime.date(2022, 3, 13), "not a time": pd.NaT, "missing": pd.NA, "too large": 10**400, "nan": np.nan,
    "infinite": np.inf, "NumPy text": np.str_("0.1"), "two": [0.1, 0.2],
}  # fmt: skip
SCALARS = {
    "bandwidth": kdelab.Laplace,
    "shape": lambda given: kdelab.GeneralizedNormal(given, 0.1),
    "tolerance": kdelab.Adaptive,
    "background": lambda given: kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1), background=given),
    "alpha": lambda given: rivals.Power(CLUSTERS, kdelab.Laplace(0.1), alpha=given),
    "reach": lambda given: hard.covered(CLUSTERS, given),
    "widest": lambda given: rest.settle(LOSS, CLUSTERS, LOGITS, given),
    "lower": lambda given: kdelab.reference.loss(POINTS, LOGITS, given, 0.1, kdelab.Laplace(0.1)),
}
COUNTS = {
    "bins": kdelab.Midpoint,
    "nodes": kdelab.GaussLegendre,
    "size": lambda given: list(CLUSTERS.split(given)),
    "parts": lambda given: CLUSTERS.scatter(np.random.default_rng(0), given),
    "points": lambda given: list(kdelab.iter_value_and_grad([(CLUSTERS, LOGITS)], kdelab.Laplace(0.1), points=given)),
    "predictions": lambda given: toy.clusters(np.random.default_rng(0), given),
    "steps": lambda given: rest.expectation_maximisation(LOSS, LOGITS, given),
    "pieces": lambda given: shuffled.leading_bias([0.5, 0.5], np.ones((2, 1)), [1.0], given),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("given", NO_SCALARS.values(), ids=NO_SCALARS)
def test_what_is_not_one_number_is_refused_by_name(given):
    for name, call in (SCALARS | COUNTS).items():
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            call(given)
        assert str(refused.value).startswith(f"{name} "), name
    with pytest.raises(ValueError, match=r"^background "):
        kdelab.TwoPass(PARTS, kdelab.Laplace(0.1), background=given)


class Half(float):
    """A float of somebody's own."""


@pytest.mark.parametrize(
    "given",
    [0.5, np.float64(0.5), np.float32(0.5), np.array(0.5), Half(0.5), Fraction(1, 2), Decimal("0.5"), pa.scalar(0.5)],
    ids=lambda given: type(given).__name__,
)
def test_one_number_in_any_dress(given):
    if isinstance(given, pa.Scalar):
        given = given.as_py()
    assert kdelab.Laplace(given) == kdelab.Laplace(0.5)
    assert kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1), background=given).background == 0.5


@pytest.mark.parametrize("given", [3, np.int32(3), np.uint8(3), np.array(3)], ids=lambda given: type(given).__name__)
def test_a_count_in_any_dress(given):
    assert kdelab.Midpoint(given) == kdelab.Midpoint(3)


@pytest.mark.parametrize("given", [True, np.True_, 3.0, 2.5, 0, -1, 2**63, "3", np.array([3])], ids=repr)
def test_no_count(given):
    with pytest.raises(ValueError, match=r"^bins "):
        kdelab.Midpoint(given)


def test_whole_numbers_that_are_too_large_or_not_whole_are_named_without_a_warning():
    for given in ([0, 2, 1e30], [0, 2, np.inf], [0, 2, np.nan], [0, 2.5, 5], np.array([0, 2, 2**63], np.uint64)):
        with pytest.raises(ValueError, match=r"^offsets must be whole numbers, but offsets\[[12]\] is"):
            kdelab.Clusters(POINTS, given, LOWER, UPPER)


def test_what_must_be_an_object_of_ours_is_named():
    for call, name in (
        (lambda: kdelab.CrossEntropy(POINTS, kdelab.Laplace(0.1)), "clusters"),
        (lambda: kdelab.CrossEntropy(CLUSTERS, "Laplace"), "kernel"),
        (lambda: kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace), "kernel"),
        (lambda: kdelab.TwoPass(PARTS, None), "kernel"),
        (lambda: kdelab.TwoPass(CLUSTERS, kdelab.Laplace(0.1)), r"parts\[0\]"),
        (lambda: kdelab.TwoPass(5, kdelab.Laplace(0.1)), "parts"),
        (lambda: ScatteredQuadrature(PARTS, None), "kernel"),
        (lambda: ScatteredLaplace(PARTS, kdelab.Gaussian(0.1)), "kernel"),
        (lambda: shuffled.NormalisedInParts([], kdelab.Laplace(0.1)), "parts"),
        (lambda: shuffled.alone([CLUSTERS]), r"parts\[0\]"),
        (lambda: rivals.CRPS(POINTS), "clusters"),
        (lambda: rivals.Power(CLUSTERS, 0.1), "kernel"),
        (lambda: rest.one_point_limit(0.1), "kernel"),
        (lambda: toy.clusters(7), "rng"),
        (lambda: IntervalCrossEntropy(POINTS, LOGITS, LOGITS, 0.1), "clusters"),
        (lambda: list(kdelab.iter_value_and_grad([CLUSTERS], kdelab.Laplace(0.1))), r"batches\[0\]"),
        (lambda: list(kdelab.iter_value_and_grad((CLUSTERS, LOGITS), kdelab.Laplace(0.1))), r"batches\[0\]"),
        (lambda: list(kdelab.iter_value_and_grad([(LOGITS, CLUSTERS)], kdelab.Laplace(0.1))), r"batches\[0\]"),
        (lambda: list(kdelab.iter_value_and_grad(5, kdelab.Laplace(0.1))), "batches"),
        (lambda: kdelab.Clusters.from_lists(5, LOWER, UPPER), "points"),
        (lambda: kdelab.Clusters.concatenate(5), "batches"),
    ):
        with pytest.raises(ValueError, match=f"^{name} "):
            call()


# ---- what is kept


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
    ScatteredLaplace(PARTS, kdelab.Laplace(0.1)), rest.Rates(LOSS), shuffled.NormalisedInParts(PARTS, KERNELS[0]),
    IntervalCrossEntropy(CLUSTERS, np.zeros(5) - 0.1, np.zeros(5) + 0.1, 0.1),
    *(rival(CLUSTERS, KERNELS[0]) for rival in (
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


# ---- one form


def every_dispatcher():
    found = {}
    for package in (kdelab.loss.engines, kdelab.learn, kdelab.gun):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if module.name.endswith("__main__") or ".battles." in module.name:
                continue
            for name, thing in vars(importlib.import_module(module.name)).items():
                if isinstance(thing, numba.core.dispatcher.Dispatcher):
                    found[f"{thing.py_func.__module__}.{name}"] = thing
    return found


def signatures():
    return {name: list(dispatcher.signatures) for name, dispatcher in every_dispatcher().items()}


def kernels_of(signature):
    """Return the kernels among a signature's arguments: code is compiled for each."""
    classes = [getattr(argument, "instance_class", object) for argument in signature]
    return tuple(kind for kind in classes if issubclass(kind, Compiled))


def use_everything(form, whole=lambda given: np.array(given, dtype=np.int64)):
    """Call all that is compiled, with every array in some form."""
    clusters = kdelab.Clusters(form(POINTS), whole(OFFSETS), form(LOWER), form(UPPER))
    clusters = clusters.take(whole([0, 1]))
    for kernel in KERNELS:
        for rule in RULES:
            loss = kdelab.CrossEntropy(clusters, kernel, rule)
            loss.value_and_grad(form(LOGITS))
            loss.value_and_grads(form(LOGITS))
            loss.density(form(LOGITS), form([0.0, 0.1]))
            one = kdelab.CrossEntropy(kdelab.Clusters.from_lists([form(POINTS)], [-0.1], [0.1]), kernel, rule)
            one.density(form(LOGITS), form([0.0, 0.1]))
        pickle.loads(pickle.dumps(kdelab.CrossEntropy(clusters, kernel))).value_and_grad(form(LOGITS))
    intervals = IntervalCrossEntropy(clusters, form(np.array(POINTS) - 0.1), form(np.array(POINTS) + 0.1), 0.1)
    pickle.loads(pickle.dumps(intervals)).value_and_grad(form(LOGITS))
    densest(form(np.ones(5)), form(POINTS), form(np.array(POINTS) + 0.1), whole(OFFSETS))
    found = Neighbourhood(whole([0, 1, 3]), whole([1, 2, 3]), np.zeros(3))
    features = np.array([form(POINTS), form(LOGITS)]).T
    parameters = Parameters(np.ones(2), np.array([1.0, 0.5]), np.zeros(2))
    for kind in (LinearLogits, PowerLogits):
        for layout in (np.ascontiguousarray, np.asfortranarray):
            parameters.positions(layout(features))
            logits = kind(layout(features), whole([0, 4]), found)
            logits.forward(parameters)
            logits.backward(form([0.1, 0.2, 0.3]), form([0.5, 0.5]))
    target_interval(np.array([form([400.0] * 9), form([300.0] * 9)]).T, 400, 100.0, np.float32(11), 0, 0.8, 800, 600)


def as_read_only(given):
    array = np.array(given, dtype=np.float64)
    array.flags.writeable = False
    return array


def as_unaligned(given):
    records = np.zeros(len(given), dtype=[("one byte", "u1"), ("x", "f8")])
    records["x"] = given
    return records["x"]


FORMS = {
    "read-only": as_read_only,
    "strided": lambda given: np.repeat(np.array(given, dtype=np.float64), 2)[::2],
    "backwards": lambda given: np.array(given, dtype=np.float64)[::-1].copy()[::-1],
    "single": lambda given: np.array(given, dtype=np.float32),
    "long double": lambda given: np.array(given, dtype=np.longdouble),
    "other byte order": lambda given: np.array(given, dtype=np.float64).astype(">f8"),
    "unaligned": as_unaligned,
    "list": list,
    "pandas": lambda given: pd.Series(given, dtype=np.float64),
    "Arrow": lambda given: pa.array(np.array(given, dtype=np.float64)),
    "objects": lambda given: np.array([Fraction(float(x)) for x in given], dtype=object),
}
WHOLE = {
    "int32": lambda given: np.array(given, dtype=np.int32),
    "unsigned": lambda given: np.array(given, dtype=np.uint64),
    "other byte order": lambda given: np.array(given, dtype=">i4"),
    "read-only": lambda given: as_read_only(given).astype(np.int64).view(),
    "strided": lambda given: np.repeat(np.array(given, dtype=np.int64), 2)[::2],
    "list": list,
}


def test_nothing_is_compiled_twice_whatever_the_form_of_the_arrays():
    use_everything(lambda given: np.array(given, dtype=np.float64))
    first = signatures()
    from_python = [name for name, thing in every_dispatcher().items() if isinstance(thing._cache, _Cache)]
    assert len(from_python) >= 12
    assert [name for name in from_python if len(first[name]) > len(set(map(kernels_of, first[name])))] == []
    for form in FORMS.values():
        use_everything(form)
    for whole in WHOLE.values():
        use_everything(lambda given: np.array(given, dtype=np.float64), whole)
    assert signatures() == first


def test_the_form_of_the_arrays_changes_no_digit():
    values, gradient = LOSS.value_and_grad(LOGITS)
    for name, form in FORMS.items():
        if name != "single":
            clusters = kdelab.Clusters(form(POINTS), OFFSETS, form(LOWER), form(UPPER))
            other = kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1)).value_and_grad(form(LOGITS))
            assert (other[0].tobytes(), other[1].tobytes()) == (values.tobytes(), gradient.tobytes()), name
