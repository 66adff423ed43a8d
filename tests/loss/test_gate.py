"""The gate: what isn't real numbers, or no object of ours, is refused by name."""

import datetime
from decimal import Decimal
from fractions import Fraction

import hypothesis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from five_points import CLUSTERS, LOGITS, LOSS, LOWER, OFFSETS, PARTS, POINTS, UPPER
from hypothesis import strategies as st

import kdelab
import kdelab.gun
import kdelab.learn
import kdelab.loss.engines
from kdelab.gun.waves.columns import rows_of
from kdelab.gun.waves.geometry import bullet_speed, escape_angle
from kdelab.loss.intervals import IntervalCrossEntropy
from kdelab.loss.scattered.laplace import ScatteredLaplace
from kdelab.loss.scattered.quadrature import ScatteredQuadrature
from kdelab.loss.validate import largest
from kdelab.study import hard, moves, rest, rivals, shortcuts, shuffled, toy

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
    "mask": lambda given: kdelab.Clusters.from_padded(
        np.zeros((2, 5)), LOWER, UPPER, "None isn't a mask" if given is None else given
    ),
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
    "log_density": lambda given: LOSS.log_density(given, [0.0]),
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
    "threads": lambda given: kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1), threads=-1 if given is None else given),
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


@hypothesis.given(st.lists(st.floats(allow_subnormal=True), max_size=6))
def test_a_vectors_bound_is_one_whatever_its_squares_do(values):
    array = np.array(values, dtype=np.float64)
    bound = largest(array)
    assert np.isfinite(bound) == np.isfinite(array).all()
    assert not np.isfinite(bound) or (np.abs(array) <= bound).all()
