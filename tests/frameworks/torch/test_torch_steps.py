"""The training steps that `make bench` times do what they say: the same loss, less of it after a step."""

from dataclasses import replace

import pytest

from benchmarks.steps import in_torch, problem


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(problem, "N", 64)
    monkeypatch.setattr(problem, "K", 20)


@pytest.mark.parametrize("model", ["linear", "network"])
@pytest.mark.parametrize("kernel", ["laplace", "gaussian"])
def test_all_ways_to_take_a_step_descend_the_same_loss(kernel, model):
    exact = problem.Case("torch", kernel, model, "float64", False, "exact")
    losses = [
        [step() for step in [in_torch.step_of(case)] * 3]
        for case in (
            exact,
            replace(exact, loss="prepared"),
            replace(exact, loss="bins", bins=64),
            replace(exact, loss="bins", bins=64, direct=True),
            replace(exact, dtype="float32"),
        )
    ]
    assert losses[0][2] < losses[0][1] < losses[0][0]
    for others in losses[1:]:
        assert others == pytest.approx(losses[0], abs=2e-3)
    assert losses[1] == losses[0]
    assert losses[4] == pytest.approx(losses[0], abs=1e-5)
