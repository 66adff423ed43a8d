"""The closed forms against mpmath, at 40 digits, on random and adversarial clusters, with any number of threads."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kdelab

EPS = 2.0**-52
KINDS = ("around", "left", "both sides", "wide", "one ulp", "one place", "short segments", "ties", "light near ones")


def draw(random, kind):
    """Return points, logits, lower, upper and bandwidth of a cluster made to be difficult."""
    k = int(random.choice([1, 2, 3, 5, 8, 15]))
    h = float(random.choice([1e-6, 0.01, 0.1, 1.0, 1e6]))
    far = float(random.choice([50, 500, 5000, 1e8]))
    a = random.uniform(-0.5, 0.5)
    b = a + h * float(random.choice([0.01, 0.3, 1, 3, 20]))
    if kind == "wide":
        b = a + h * float(random.choice([250, 290, 310, 1e3, 1e5]))
    elif kind == "one ulp":
        b = np.nextafter(a, 2)
    elif kind == "one place":
        b = a
    x = random.uniform(a - (b - a) / 2 - h, b + (b - a) / 2 + h, k)
    if kind == "left":
        x = a - h * (far + random.uniform(0, 3, k))
    elif kind == "both sides":
        distance = h * (far + random.uniform(0, 3, k))
        x = np.where(random.random(k) < 0.5, a - distance, b + distance)
    elif kind == "short segments":
        x = a + (b - a) / 2 + h * 1e-12 * random.integers(-5, 5, k)
    elif kind == "ties":
        x = random.choice([a, b, (a + b) / 2, a - h], k)
    if kind not in ("left", "both sides"):
        x[0] = a if random.random() < 0.3 else x[0]
        x[-1] = b if random.random() < 0.2 else x[-1]
    z = float(random.choice([1, 3, 1e3])) * random.standard_normal(k)
    if kind == "light near ones":
        z -= 2000 * ((x > a) & (x < b))
    return x, z, a, b, h


def scaled_errors(x, z, a, b, h):
    """Return the errors of loss, gradient, gradient by points and row sum, each over what DESIGN allows it."""
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([x], [a], [b]), kdelab.Laplace(h))
    values, gradients = loss.value_and_grads(z)
    assert np.isfinite(values).all()
    exact, by_logit, by_point = oracle.laplace(x, z, a, b, h)
    # The distances that cancel: the least one, or, on both sides of the target, their difference, which is less.
    cancelled = max(0.0, np.minimum(np.abs(x - a), np.abs(x - b)).min()) / h if (x < a).any() != (x > b).any() else 0.0
    unit = 16 * EPS * (1 + np.abs(z).max() + cancelled)
    off = lambda found, true: max(abs(float(mpmath.mpf(float(f)) - t)) for f, t in zip(found, true, strict=True))  # noqa: E731
    return {
        "loss": abs(float(mpmath.mpf(float(values[0])) - exact)) / (1e-13 * max(1.0, abs(float(exact)))),
        "gradient": off(gradients["logits"], by_logit) / unit,
        "row sum": abs(gradients["logits"].sum()) / unit,
        "points": off(gradients["points"] * h, [g * mpmath.mpf(h) for g in by_point]) / unit,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_laplace_against_mpmath(kind):
    random = np.random.default_rng(KINDS.index(kind))
    for _ in range(40):
        errors = scaled_errors(*draw(random, kind))
        assert max(errors.values()) <= 1, errors


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_laplace_against_mpmath_at_length(kind):
    random = np.random.default_rng(100 + KINDS.index(kind))
    for _ in range(600):
        errors = scaled_errors(*draw(random, kind))
        assert max(errors.values()) <= 1, errors


@pytest.mark.parametrize("kind", KINDS)
def test_log_bandwidth_against_mpmath(kind):
    random = np.random.default_rng(200 + KINDS.index(kind))
    for _ in range(5):
        x, z, a, b, h = draw(random, kind)
        loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([x], [a], [b]), kdelab.Laplace(h))
        found = loss.value_and_grads(z, wrt=["log_bandwidth"])[1]["log_bandwidth"][0]
        distance = max(np.maximum(a - x, x - b).max(), 0.0) / h + (b - a) / h
        assert abs(found - float(oracle.by_log_bandwidth(x, z, a, b, h))) <= 16 * EPS * (1 + np.abs(z).max()) * (
            1 + distance
        )


def test_a_kink_has_the_mean_of_its_sides():
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([[0.1, 0.3]], [0.1], [0.1]), kdelab.Laplace(0.1))
    by_point = loss.value_and_grads([0.0, 0.0])[1]["points"]
    assert by_point[0] == 0
    assert by_point[1] == pytest.approx(1 / (1 + np.exp(2)) / 0.1)


@settings(max_examples=150)
@given(st.data())
def test_exact_and_adaptive_agree(data):
    make = data.draw(st.sampled_from([kdelab.Laplace, kdelab.Box]))
    h = data.draw(st.sampled_from([0.01, 0.1, 1.0]))
    grid = st.integers(-20, 20).map(lambda i: i / 20)
    points = data.draw(st.lists(grid | st.floats(-1, 1), min_size=1, max_size=12))
    logits = data.draw(
        st.lists(st.floats(-5, 5) | st.sampled_from([-1e3, 1e3]), min_size=len(points), max_size=len(points))
    )
    lower, upper = sorted(data.draw(st.tuples(grid | st.floats(-1, 1), grid | st.floats(-1, 1))))
    clusters = kdelab.Clusters.from_lists([points], [lower], [upper])
    values, gradients = kdelab.CrossEntropy(clusters, make(h), kdelab.Exact()).value_and_grads(logits)
    same, others = kdelab.CrossEntropy(clusters, make(h), kdelab.Adaptive()).value_and_grads(logits)
    np.testing.assert_allclose(values, same, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gradients["logits"], others["logits"], rtol=0, atol=1e-11 * max(1, np.abs(logits).max()))
    if make is kdelab.Laplace:
        scale = 1e-10 * max(1, np.abs(logits).max()) / h
        np.testing.assert_allclose(gradients["points"], others["points"], rtol=0, atol=scale)
        np.testing.assert_allclose(gradients["log_bandwidth"], others["log_bandwidth"], rtol=1e-9, atol=scale)


def test_box_by_hand():
    # Boxes of half width 1 around 0 and 1.5, target [0, 2]: p is S_1/2 on [0, .5], 1/2 on [.5, 1], S_2/2 on [1, 2].
    S = np.array([0.25, 0.75])
    clusters = kdelab.Clusters.from_lists([[0.0, 1.5]], [0.0], [2.0])
    values, gradients = kdelab.CrossEntropy(clusters, kdelab.Box(1.0)).value_and_grads(np.log(S))
    loss = -(0.5 * np.log(S[0] / 2) + 0.5 * np.log(0.5) + 1.0 * np.log(S[1] / 2)) / 2
    mean_r = np.array([0.5 + 0.5 * 0.25, 0.5 * 0.75 + 1.0]) / 2
    assert values[0] == pytest.approx(loss, abs=1e-15)
    np.testing.assert_allclose(gradients["logits"], S - mean_r, atol=1e-15)
    # The first box ends at 1, stepping down from 1/2 to S_2/2; the second begins at .5, stepping up from S_1/2.
    np.testing.assert_allclose(gradients["points"], [np.log(S[1]) / 2, -np.log(S[0]) / 2], atol=1e-15)


def test_light_box_alone_on_part_of_the_target():
    clusters = kdelab.Clusters.from_lists([[0.0, 1.5]], [0.0], [2.0])
    values, gradient = kdelab.CrossEntropy(clusters, kdelab.Box(1.0)).value_and_grad([0.0, -1000.0])
    assert values[0] == pytest.approx(np.log(2) + 500, rel=1e-15)
    np.testing.assert_allclose(gradient, [0.5, -0.5], atol=1e-13)


def test_points_may_come_in_any_order():
    random = np.random.default_rng(5)
    x, z = random.uniform(-0.3, 0.3, 200), random.standard_normal(200)
    turn = random.permutation(200)
    for kernel in (kdelab.Laplace(0.05), kdelab.Box(0.2)):
        one, two = (
            kdelab.CrossEntropy(kdelab.Clusters.from_lists([p], [-0.1], [0.2]), kernel).value_and_grads(logits)
            for p, logits in ((x, z), (x[turn], z[turn]))
        )
        assert one[0][0] == pytest.approx(two[0][0], rel=1e-14)
        for name in ("logits", "points"):
            np.testing.assert_allclose(one[1][name][turn], two[1][name], rtol=1e-12, atol=1e-15)


THREADS = """
import numpy as np, sys, kdelab
r = np.random.default_rng(3)
points = [r.uniform(-1, 1, k) for k in r.integers(1, 200, 300)]
lower = r.uniform(-0.9, 0.6, 300)
clusters = kdelab.Clusters.from_lists(points, lower, lower + r.choice([0, 0.1, 0.3], 300))
z = r.standard_normal(len(clusters.points))
for kernel in (kdelab.Laplace(0.03), kdelab.Box(0.4), kdelab.Gaussian(0.03)):
    values, gradients = kdelab.CrossEntropy(clusters, kernel).value_and_grads(z)
    for array in (values, *gradients.values()):
        sys.stdout.write(array.tobytes().hex())
"""


def test_result_does_not_depend_on_threads():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", THREADS], capture_output=True, check=True,
            env=os.environ | {"NUMBA_NUM_THREADS": n},
        ).stdout
        for n in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1
    assert len(outputs.pop()) > 100_000


def test_memory_of_the_prepared_loss():
    random = np.random.default_rng(1)
    n, k = 500, 100
    clusters = kdelab.Clusters(random.uniform(-1, 1, n * k), np.arange(n + 1) * k, np.full(n, -0.5), np.full(n, 0.5))
    engine = kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1))._engine
    kept = sum(array.nbytes for array in engine.prepared)
    assert kept > 0
    gradient = 8 * n * k
    assert (kept + gradient) / (8 * n * k) <= 6


CACHE = """
import numpy as np, kdelab
from kdelab.loss.engines.laplace import engine as laplace
kdelab.CrossEntropy(kdelab.Clusters.from_lists([[0.1]], [0.0], [0.1]), kdelab.Laplace(1.0)).value([0.0])
print(sum(laplace.evaluate.stats.cache_hits.values()), sum(laplace.evaluate.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_cache_notices_an_edit_in_another_module(tmp_path):
    """numba's own would not: it looks at the file of the outermost function only."""
    shutil.copytree(Path(kdelab.__file__).parent / "loss", tmp_path / "kdelab" / "loss")
    for name in ("__init__.py", "moved.py", "extras.py"):
        shutil.copy(Path(kdelab.__file__).parent / name, tmp_path / "kdelab")
    environment = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def hits_and_misses():
        return subprocess.run(
            [sys.executable, "-c", CACHE], capture_output=True, text=True, check=True, cwd=tmp_path,
            env=os.environ | environment,
        ).stdout.split()  # fmt: skip

    assert hits_and_misses() == ["0", "1"]
    assert hits_and_misses() == ["1", "0"]
    edited = tmp_path / "kdelab" / "loss" / "engines" / "laplace" / "segment.py"
    edited.write_text(edited.read_text() + "\n# edited\n")
    assert hits_and_misses() == ["0", "1"]


FORKS = """
import multiprocessing, numpy as np, kdelab
def loss(_):
    points = np.random.default_rng(0).uniform(-1, 1, 40_000)
    clusters = kdelab.Clusters(points, np.arange(401) * 100, np.zeros(400), np.full(400, 0.2))
    return kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1)).value(np.zeros(40_000)).sum()
here = loss(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(loss, range(2)) == [here, here]
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system doesn't fork")
def test_a_process_that_has_used_threads_may_be_forked():
    stuck = 1800  # seconds; a deadlock lasts for ever, a busy machine doesn't
    subprocess.run(
        [sys.executable, "-c", FORKS], check=True, timeout=stuck, env=os.environ | {"NUMBA_NUM_THREADS": "2"}
    )
