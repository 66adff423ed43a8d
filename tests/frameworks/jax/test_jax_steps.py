"""The training steps that `make bench` times do what they say: the same loss, less of it after a step."""

from dataclasses import replace

import pytest

from benchmarks.steps import in_jax, problem


def test_all_ways_to_take_a_step_descend_the_same_loss(monkeypatch):
    monkeypatch.setattr(problem, "N", 64)
    monkeypatch.setattr(problem, "K", 20)
    exact = problem.Case("jax", "laplace", "network", "float64", True, "exact")
    losses = [
        [step() for step in [in_jax.step_of(case)] * 3]
        for case in (
            exact,
            replace(exact, compiled=False),
            replace(exact, loss="bins", bins=64),
            replace(exact, dtype="float32"),
        )
    ]
    assert losses[0][2] < losses[0][1] < losses[0][0]
    for others in losses[1:]:
        assert others == pytest.approx(losses[0], abs=2e-3)
    assert losses[3] == pytest.approx(losses[0], abs=1e-5)
