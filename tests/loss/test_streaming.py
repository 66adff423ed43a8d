"""Scattered clusters in two passes, and batches one step at a time: the same numbers as the whole in one go."""

import pickle
import subprocess
import sys
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels_under_test import sized
from scipy.special import logsumexp

import kdelab
from kdelab.loss.scattered.quadrature import ScatteredQuadrature, outline
from kdelab.loss.scattered.sums import LogSums
from kdelab.loss.scattered.two_pass import TwoPass

KERNELS = [*sized(0.1, 0.3), kdelab.GeneralizedNormal(3.0, 0.1)]
named = pytest.mark.parametrize("kernel", KERNELS, ids=repr)


def ragged(seed, n, most=7, spread=2.0):
    rng = np.random.default_rng(seed)
    lower = rng.uniform(-0.9, 0.5, n)
    clusters = kdelab.Clusters.from_lists(
        [rng.uniform(-1, 1, k) for k in rng.integers(1, most + 1, n)], lower, lower + rng.choice([0.0, 0.1, 0.4], n)
    )
    return clusters, spread * rng.standard_normal(len(clusters.points))


def merged(sums, rng):
    """Merge in a random order and along a random tree."""
    left = list(sums)
    while len(left) > 1:
        i, j = rng.choice(len(left), 2, replace=False)
        both = left[i].merge(left[j])
        left = [item for k, item in enumerate(left) if k not in (i, j)] + [both]
    return left[0]


def same(a, b, bound=1e-12):
    assert np.array_equal(np.isinf(a[0]), np.isinf(b[0]))
    finite = np.isfinite(a[0])
    assert (abs(a[0][finite] - b[0][finite]) <= bound * np.maximum(1, abs(b[0][finite]))).all()
    assert abs(a[1] - b[1]).max(initial=0) <= bound


@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.integers(1, 9),
    st.sampled_from(KERNELS),
    st.sampled_from(["auto", kdelab.Panels(5), kdelab.GaussLegendre(7), kdelab.Midpoint(4)]),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from([1.0, 300.0]),
)
@settings(max_examples=150)
def test_any_cut_and_any_tree_of_merges_gives_the_numbers_of_the_whole(
    seed, n, count, kernel, quadrature, background, spread
):
    """Among them empty parts, parts with one point of a cluster, and logits of hundreds."""
    clusters, logits = ragged(seed, n, spread=spread)
    rng = np.random.default_rng(seed)
    parts = clusters.cut(rng.integers(0, count, len(logits)), count)
    scheme = TwoPass(rng.permutation(np.array(parts, dtype=object)), kernel, quadrature, background).scheme
    whole = scheme.whole(merged([scheme.sums(part, logits[part.rows]) for part in parts], rng))
    gradient = np.empty(len(logits))
    for part in parts:
        gradient[part.rows] = scheme.gradient(part, logits[part.rows], whole)
    one = TwoPass(clusters.cut(np.zeros(len(logits), dtype=int), 1), kernel, quadrature, background)
    same((whole.values, gradient), one.value_and_grad(logits))


@named
def test_at_the_same_nodes_it_is_the_engine_for_whole_clusters(kernel):
    clusters, logits = ragged(5, 60, 12)
    for quadrature in (kdelab.GaussLegendre(24), kdelab.Midpoint(9)):
        for background in (0.0, 0.1):
            parts = clusters.scatter(np.random.default_rng(2), 6)
            found = TwoPass(parts, kernel, quadrature, background).value_and_grad(logits)
            same(found, kdelab.CrossEntropy(clusters, kernel, quadrature, background).value_and_grad(logits))


@named
def test_at_its_own_nodes_it_is_the_formula(kernel):
    """An independent evaluation of the two formulas, whole cluster by whole cluster, at the nodes agreed on."""
    clusters, logits = ragged(6, 20, 12)
    parts = clusters.scatter(np.random.default_rng(2), 4)
    nodes = ScatteredQuadrature(parts, kernel)
    values, gradient = TwoPass(parts, kernel, kdelab.Panels()).value_and_grad(logits)
    for i, (points, _, _) in enumerate(clusters):
        rows = slice(clusters.offsets[i], clusters.offsets[i + 1])
        x, share = (array[nodes.offsets[i] : nodes.offsets[i + 1]] for array in (nodes.x, nodes.share))
        assert share.sum() == pytest.approx(1, abs=1e-13)
        log_weight = logits[rows] - logsumexp(logits[rows])
        terms = log_weight + kernel.log(x[:, None] - points)
        with np.errstate(divide="ignore"):
            log_p = logsumexp(terms, axis=1)
        r = np.exp(terms - np.where(np.isfinite(log_p), log_p, 0)[:, None])
        expected = np.exp(log_weight) * (share @ r.sum(axis=1)) - share @ r
        same((values[i : i + 1], gradient[rows]), (np.array([-(share @ log_p)]), expected))


@named
def test_its_nodes_are_fine_enough(kernel):
    clusters, logits = ragged(7, 60, 12)
    parts = clusters.scatter(np.random.default_rng(2), 6)
    for quadrature in ("auto", kdelab.Panels()):
        found = TwoPass(parts, kernel, quadrature).value_and_grad(logits)
        exact = kdelab.CrossEntropy(clusters, kernel).value_and_grad(logits)
        assert np.array_equal(np.isinf(found[0]), np.isinf(exact[0]))
        error = np.sort(abs(found[1] - exact[1]))
        assert error[len(error) // 2] <= 1e-14
        assert error[-1] <= 1e-2  # a switch between far points, too sharp for any nodes fixed beforehand


@pytest.mark.parametrize("bandwidth", [1e-4, 0.01, 3.0])
def test_the_closed_form_is_put_together_to_the_last_digits(bandwidth):
    clusters, logits = ragged(8, 100, 12)
    kernel = kdelab.Laplace(bandwidth)
    found = TwoPass(clusters.scatter(np.random.default_rng(2), 6), kernel).value_and_grad(logits)
    same(found, kdelab.CrossEntropy(clusters, kernel).value_and_grad(logits))


def test_a_part_that_has_changed_between_the_passes_is_refused():
    clusters, logits = ragged(8, 20)
    parts = clusters.scatter(np.random.default_rng(2), 3)
    scheme = TwoPass(parts, kdelab.Laplace(0.1)).scheme
    whole = scheme.whole(merged([scheme.sums(part, logits[part.rows]) for part in parts], np.random.default_rng(0)))
    moved = replace(parts[1], points=parts[1].lower[parts[1].prediction])
    with pytest.raises(ValueError, match="part must be the one of the first pass"):
        scheme.gradient(moved, logits[moved.rows], whole)


def test_where_no_kernel_reaches_the_loss_is_infinite_and_nothing_is_responsible():
    clusters = kdelab.Clusters.from_lists([[-0.9, -0.8, 0.9]], [0.0], [0.1])
    values, gradient = TwoPass(clusters.cut([0, 1, 2], 3), kdelab.Box(0.1)).value_and_grad(np.zeros(3))
    assert np.isposinf(values).all()
    assert (gradient == 0).all()


@given(st.lists(st.lists(st.floats(-1e4, 1e4), max_size=5), min_size=3, max_size=3), st.floats(-700, 700))
@settings(max_examples=100)
def test_log_sums_merge_commutatively_and_associatively(groups, shift):
    def of(group):
        sums = LogSums.empty(1)
        sums.add(np.zeros(len(group), dtype=int), np.array(group, dtype=float) + shift)
        return sums

    a, b, c = map(of, groups)
    everything = [value + shift for group in groups for value in group]
    for merged_sums in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        if everything:
            assert merged_sums.log()[0] == pytest.approx(logsumexp(everything), rel=1e-14, abs=1e-13)
        else:
            assert np.isneginf(merged_sums.log()[0])
    for left, right in ((a, b), (b, c)):
        assert left.merge(right).log().tobytes() == right.merge(left).log().tobytes()
        assert left.merge(LogSums.empty(1)).log().tobytes() == left.log().tobytes()


def test_few_nodes_are_held_at_once_and_that_changes_nothing(monkeypatch):
    clusters, logits = ragged(9, 30)
    loss = TwoPass(clusters.scatter(np.random.default_rng(2), 3), kdelab.Gaussian(0.1))
    before = loss.value_and_grad(logits)
    monkeypatch.setattr("kdelab.loss.scattered.quadrature._PAIRS", 64)
    same(loss.value_and_grad(logits), before, 1e-14)


WORKER = """
import pickle, sys
scheme, part, logits, whole = pickle.load(sys.stdin.buffer)
done = scheme.sums(part, logits) if whole is None else scheme.gradient(part, logits, whole)
sys.stdout.buffer.write(pickle.dumps(done))
"""


@pytest.mark.parametrize(
    "kernel", [kdelab.Laplace(0.1), pytest.param(kdelab.Cauchy(0.1), marks=pytest.mark.slow)], ids=repr
)
def test_parts_may_lie_in_other_processes(kernel):
    clusters, logits = ragged(10, 15)
    parts = clusters.scatter(np.random.default_rng(2), 2)
    scheme = TwoPass(parts, kernel).scheme

    def elsewhere(part, whole=None):
        sent = pickle.dumps((scheme, part, logits[part.rows], whole))
        return pickle.loads(
            subprocess.run([sys.executable, "-c", WORKER], input=sent, check=True, capture_output=True).stdout
        )

    whole = scheme.whole(reduce(lambda a, b: a.merge(b), map(elsewhere, parts)))
    gradient = np.empty(len(logits))
    for part in parts:
        gradient[part.rows] = elsewhere(part, whole)
    same((whole.values, gradient), kdelab.CrossEntropy(clusters, kernel).value_and_grad(logits), 1e-11)


@named
def test_outlines_are_enough_to_agree_on_the_nodes(kernel):
    clusters, _ = ragged(11, 30, 12)
    parts = clusters.scatter(np.random.default_rng(2), 4)
    full, told = (
        ScatteredQuadrature(parts, kernel),
        ScatteredQuadrature([outline(part, kernel) for part in reversed(parts)], kernel),
    )
    assert full.x.tobytes() == told.x.tobytes()
    assert full.share.tobytes() == told.share.tobytes()


@pytest.mark.parametrize("quadrature", ["auto", kdelab.Panels()])
def test_what_does_not_belong_together_is_refused(quadrature):
    kernel = kdelab.Laplace(0.1)
    clusters, logits = ragged(12, 10)
    other, _ = ragged(13, 10)
    rng = np.random.default_rng
    parts, foreign = clusters.scatter(rng(0), 3), other.scatter(rng(0), 3)
    recut = clusters.scatter(rng(1), 3)
    scheme = TwoPass(parts, kernel, quadrature).scheme
    sums = [scheme.sums(part, logits[part.rows]) for part in parts]
    foreign_scheme = TwoPass(foreign, kernel, quadrature).scheme
    foreign_sums = foreign_scheme.sums(foreign[1], np.zeros(len(foreign[1])))
    for call, says in (
        (lambda: sums[0].merge(foreign_sums), "same batch"),
        (lambda: sums[0].merge(sums[0]), "part 0 is in both"),
        (lambda: sums[0].merge(sums[1]).merge(sums[1]), "part 1 is in both"),
        (lambda: scheme.whole(sums[0].merge(sums[2])), "part 1 is missing"),
        (lambda: scheme.whole(sums[0]), "parts 1, 2 are missing"),
        (lambda: scheme.whole(foreign_sums), "must belong to batch"),
        (lambda: scheme.sums(foreign[0], np.zeros(len(foreign[0]))), "part must belong"),
        (lambda: scheme.sums(recut[0], np.zeros(len(recut[0]))), "part must belong"),
        (lambda: scheme.sums(parts[0], np.zeros(len(parts[0]) + 1)), "logits"),
        (lambda: TwoPass(parts[:2], kernel, quadrature), "part 2 is missing"),
        (lambda: TwoPass([*parts, parts[0]], kernel, quadrature), "part 0 is in both"),
        (lambda: TwoPass([*parts[:2], foreign[2]], kernel, quadrature), "same batch"),
        (lambda: TwoPass([], kernel, quadrature), "parts must not be empty"),
        (lambda: TwoPass(parts, kernel, quadrature).value_and_grad(logits[1:]), "logits"),
        (lambda: TwoPass(parts, kernel, kdelab.Adaptive()), "quadrature"),
        (lambda: TwoPass(parts, kdelab.Gaussian(0.1), kdelab.Exact()), "quadrature"),
        (lambda: TwoPass(parts, kdelab.Gaussian(0.1), background=1.0), "background"),
        (lambda: kdelab.Panels(0), "nodes"),
        (lambda: replace(parts[0], number=3), "number"),
        (lambda: replace(parts[0], rows=parts[0].rows[1:]), "rows"),
        (lambda: replace(parts[0], prediction=parts[0].prediction + 10), "prediction"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


def test_sums_at_other_nodes_are_refused():
    clusters, logits = ragged(12, 10)
    parts = clusters.scatter(np.random.default_rng(0), 2)
    few, many = (ScatteredQuadrature(parts, kdelab.Gaussian(0.1), kdelab.Panels(n)) for n in (4, 5))
    with pytest.raises(ValueError, match="nodes"):
        few.sums(parts[0], logits[parts[0].rows]).merge(many.sums(parts[1], logits[parts[1].rows]))


@named
@pytest.mark.parametrize("points", [1, 13, 10**6])
def test_a_stream_has_the_digits_of_one_go(kernel, points):
    clusters, logits = ragged(14, 25)
    values, gradient = kdelab.CrossEntropy(clusters, kernel).value_and_grad(logits)
    batches = [(batch.clusters, logits[batch.rows]) for batch in clusters.split(9)]
    stream = list(kdelab.iter_value_and_grad(batches, kernel, points=points, progress=False))
    assert np.concatenate([value for value, _ in stream]).tobytes() == values.tobytes()
    assert np.concatenate([part for _, part in stream]).tobytes() == gradient.tobytes()


@pytest.mark.parametrize(
    ("size", "steps"),
    [(1, [4, 1, 2, 3, 1]), (3, [4, 3, 3, 1]), (4, [4, 3, 4]), (5, [5, 5, 1]), (10, [10, 1]), (11, [11]), (99, [11])],
)
def test_a_step_holds_as_many_predictions_as_there_is_room_for_and_no_more(monkeypatch, size, steps):
    clusters = kdelab.Clusters(np.zeros(11), [0, 4, 5, 7, 10, 11], np.zeros(5), np.ones(5))
    made = []

    def record(some, *others):
        made.append(len(some.points))
        return kdelab.CrossEntropy(some, *others)

    monkeypatch.setattr("kdelab.loss.streaming.CrossEntropy", record)
    list(kdelab.iter_value_and_grad([(clusters, np.zeros(11))], kdelab.Laplace(0.1), points=size, progress=False))
    assert made == steps


def test_a_stream_reads_one_batch_at_a_time():
    clusters, logits = ragged(15, 4)
    read = []

    def batches():
        for i in range(3):
            read.append(i)
            yield clusters, logits

    stream = kdelab.iter_value_and_grad(batches(), kdelab.Laplace(0.1), progress=False)
    assert read == []
    next(stream)
    assert read == [0]


def test_a_stream_draws_a_bar_if_asked(capsys):
    clusters, logits = ragged(15, 4)
    list(kdelab.iter_value_and_grad([(clusters, logits)], kdelab.Laplace(0.1)))
    assert "4/4" in capsys.readouterr().err


def test_a_stream_names_what_does_not_fit():
    clusters, logits = ragged(15, 4)
    with pytest.raises(ValueError, match=r"batches\[1\]"):
        list(kdelab.iter_value_and_grad([(clusters, logits), (clusters, logits[1:])], kdelab.Box(0.1), progress=False))
    with pytest.raises(ValueError, match=r"batches\[0\]"):
        list(kdelab.iter_value_and_grad([(logits, clusters)], kdelab.Box(0.1), progress=False))


@pytest.mark.slow
def test_every_way_of_the_measurement_computes_the_same():
    from benchmarks.streaming import PARTS, WAYS, measure, table

    found = measure(predictions=40 * PARTS, neighbours=50)
    assert [row["way"] for row in found] == list(WAYS)
    assert max(abs(row["check"] - found[0]["check"]) for row in found) <= 1e-9
    assert "streamed" in table(found, 40 * PARTS * 50)
