"""The benchmarks: peers compute the same loss, and the history says what changed."""

import numpy as np
import pytest

from benchmarks import history
from benchmarks.cases import batch
from benchmarks.peers import METHODS, method


@pytest.mark.parametrize("kernel", ["laplace", "gaussian"])
@pytest.mark.parametrize("name", ["kdelab one-shot", "kdelab binned", "numpy plain", "numpy tuned", "numba loops"])
def test_a_method_computes_the_loss_and_its_gradient(name, kernel):
    drawn = batch(30, 20)
    values, gradient = method("kdelab")(drawn, kernel, 0)()
    found, slope = method(name)(drawn, kernel, 256)()
    assert np.abs(found - values).max() < 1e-4
    assert np.abs(np.reshape(slope, -1) - gradient).max() < 1e-4


def test_all_methods_that_the_run_asks_for_are_there():
    from benchmarks import run

    asked = [case for kernel in ("laplace", "gaussian") for case in run.headline(kernel)]
    asked += [*run.limits(), *run.libraries(), *(case for _, cases in run.scaling() for case in cases)]
    assert {case.peer for case in asked} == set(METHODS)


@pytest.mark.slow
def test_the_history_times_every_public_kernel_and_the_gun():
    found = history.measure(rounds=1, n=4, k=5, predictions=20)
    assert {name.split(",")[0] for name in found} >= set(history.kernels())
    assert {"gun.score, 50 rows", "training step, power"} <= set(found)
    assert all(milliseconds > 0 and ratio > 0 for milliseconds, ratio in found.values())


def test_the_history_tells_each_case_against_its_last_entry(tmp_path):
    path = tmp_path / "history.csv"
    assert history.read(path) == []
    history.append(path, [history.Entry("2026-01-01", "1", "a", 3.0, 2.0), history.Entry("2026-01-01", "1", "b", 1, 1)])
    history.append(path, [history.Entry("2026-02-01", "2", "a", 3.0, 4.0)])
    before = history.read(path)
    assert [entry.ratio for entry in before] == [2.0, 1.0, 4.0]
    now = [history.Entry("2026-03-01", "3", case, 1.0, 3.0) for case in "abc"]
    first, second, third = history.changes(before, now).splitlines()[1:]
    assert "-25% (2, 2026-02-01)" in first
    assert "+200% (1, 2026-01-01)" in second
    assert third.endswith("new")
