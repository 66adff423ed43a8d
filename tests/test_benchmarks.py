"""The benchmarks: peers compute the same loss, and the history says what changed."""

import numpy as np
import pytest

from benchmarks import history
from benchmarks.cases import KERNELS, batch
from benchmarks.peers import METHODS, method


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_exact_loss_is_what_the_bins_come_to(kernel):
    drawn = batch(30, 20)
    values, gradient = method("kdelab")(drawn, kernel, 0)()
    found, slope = method("kdelab binned")(drawn, kernel, 1024)()
    assert np.abs(found - values).max() < (2e-3 if kernel == "box" else 1e-5)
    assert np.abs(slope - gradient).max() < (2e-3 if kernel == "box" else 1e-5)
    assert np.array_equal(method("kdelab one-shot")(drawn, kernel, 0)()[1], gradient)


PEERS = [
    *(("numpy plain", kernel, dtype) for kernel in KERNELS for dtype in ("float64", "float32")),
    *(("numpy tuned", kernel, "float64") for kernel in KERNELS),
    ("numba loops", "laplace", "float64"),
    *(pytest.param("numba loops", kernel, "float32", marks=pytest.mark.slow) for kernel in KERNELS),  # each compiles
]


@pytest.mark.parametrize(("name", "kernel", "dtype"), PEERS)
def test_a_peer_computes_the_binned_loss_and_its_gradient(name, kernel, dtype):
    drawn = batch(30, 20)
    values, gradient = method("kdelab binned")(drawn, kernel, 16)()
    found, slope = method(name)(drawn.cast(dtype), kernel, 16)()
    assert found.dtype == slope.dtype == dtype
    # Rounded to float32, a point right at a box's end may be in one bin more or less.
    most = 0.8 if (kernel, dtype) == ("box", "float32") else 1.0
    for error in (np.abs(found - values), np.abs(slope.ravel() - gradient)):
        assert np.quantile(error, most) < (1e-12 if dtype == "float64" else 1e-4)


def test_all_methods_that_the_run_asks_for_are_there():
    from benchmarks import run

    asked = [case for kernel in run.HEADLINES for case in run.headline(kernel)]
    asked += [case for kernel in KERNELS for case in run.other(kernel)]
    asked += [*run.limits(), *run.libraries(), *(case for _, cases in run.scaling() for case in cases)]
    assert {case.peer for case in asked} == set(METHODS)


def test_the_table_of_kernels_names_the_fastest_peer_and_its_times():
    from benchmarks import report, run

    def timed(case):
        seconds = {"kdelab": 0.002, "kdelab one-shot": 0.004, "jax direct": 0.02, "numba loops": 0.03}[case.peer]
        return run.Result(case, [seconds if case.dtype == "float64" else seconds / 2], loss_error=1e-3)

    found = {kernel: [timed(case) for case in run.other(kernel)] for kernel in KERNELS}
    lines = report.kernels(found)
    assert len(lines) == 2 + len(KERNELS)
    assert lines[2] == (
        "| laplace | 2.0 | 4.0 | 10.0 (jax direct) | 5.0 | 2.5 | 1e-03 | 20.0 (jax direct) | 10.0 | 5.0 | 1e-03 |"
    )


def test_the_table_of_steps_takes_the_better_way_to_write_bins():
    from benchmarks.steps.__main__ import FRAMEWORKS, off, table
    from benchmarks.steps.problem import cases

    all_cases = [case for framework in FRAMEWORKS for case in cases(framework)]
    timed = [
        vars(case)
        | {
            "mean": (1.0 if case.model == "linear" else 2.0) + case.bins / 1e4,
            "seconds": [0.001 * (1 + case.bins) / (2 if case.direct else 1)] * 3,
        }
        for case in all_cases
    ]
    measured = [vars(case) | {"bytes": (2 if case.bins else 1) * 2**20} for case in all_cases]
    lines = table(timed, measured, "float32")
    assert len(lines) == 2 + 16
    assert lines[2] == "| torch, linear, eager | laplace | 1.0 | 1.0 | 1.0 | 8.5 | 32.5 | 8.5 | 32.5 | 1 | 2 |"
    assert lines[-1] == "| jax, network, compiled | gaussian | 1.0 | 1.0 |  | 8.5 | 32.5 | 8.5 | 32.5 | 1 | 2 |"
    assert off(timed, 16) == pytest.approx(0.0016)


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


def test_densities_are_judged_on_what_is_held_out_and_written_between_the_markers(tmp_path):
    from benchmarks.densities.__main__ import BEGIN, DOCUMENT, END, judged, tables, write
    from benchmarks.densities.problems import problems
    from benchmarks.densities.rivals import METHODS

    found = problems(80)
    assert [problem.truth is None for problem in found] == [True, True, True, False, False]
    uneven = found[-2]
    results = {name: judged(METHODS[name], uneven, folds=2) for name in ("ours", "plain KDE")}
    for result in results.values():
        assert -uneven.truth.mean() < result.losses.mean() < 6
        assert 0.7 < result.covered.mean() <= 1
        assert (result.widths > 0).all()
    worse = results["ours"]._replace(losses=results["ours"].losses + 0.1)
    assert results["ours"].better(worse)
    assert not worse.better(results["ours"])
    lines = tables([(uneven, {"worse": worse, **results})]).splitlines()
    assert [line.count("|") for line in lines] == [3] * 6 + [0] + [3] * 5 + [0] + [3] * 5
    assert lines[3].count("**") == 2
    assert DOCUMENT.read_text().count(BEGIN) == DOCUMENT.read_text().count(END) == 1
    copy = tmp_path / "document.md"
    copy.write_text(f"before\n{BEGIN}old\n{END}\nafter\n")
    write("new\n", copy)
    assert copy.read_text() == f"before\n{BEGIN}new\n{END}\nafter\n"


def test_a_true_density_integrates_to_one_and_is_as_lossy_as_it_says():
    from benchmarks.densities.problems import problems

    for problem, most in zip(problems(4000)[-2:], (1.0, 0.26), strict=True):
        assert -problem.truth.mean() == pytest.approx(most, abs=0.1)


def test_a_forest_weighs_targets_by_leaves_and_out_of_bag_by_others():
    from types import SimpleNamespace

    from benchmarks.densities.rivals import Forest

    forest = object.__new__(Forest)
    forest.leaves = np.array([[0, 1], [0, 1], [1, 1]])
    forest.bags = np.array([[2, 1, 1], [0, 1, 2]])
    forest.forest = SimpleNamespace(apply=lambda X: np.array([[0, 1]]))
    np.testing.assert_allclose(np.exp(forest.weights(None)), [[2 / 3, 1 / 3 + 1 / 3, 2 / 3]])
    out = np.exp(forest._logs(forest.leaves, out_of_bag=True))
    np.testing.assert_allclose(out, [[0, 1 / 3, 2 / 3], [0, 0, 0], [0, 0, 0]])  # the first is in no bag of the second
