"""The steps in PyTorch."""

from collections.abc import Callable
from typing import Any

import torch

import kdelab
from benchmarks.peers.binned import IN_LOGS, THREADS, bin_centres, log_scale
from benchmarks.steps.problem import BANDWIDTH, RATE, Case, problem


def logits_of(model: str, weights: list[Any], query: Any, neighbours: Any) -> Any:
    """Return the logits: minus the distance of features, weighted, or of embeddings."""
    if model == "linear":
        return -((query[:, None] - neighbours).abs() @ weights[0])
    first, second = weights
    embedded = [torch.tanh(given @ first) @ second for given in (query, neighbours)]
    return -(embedded[0][:, None] - embedded[1]).abs().sum(-1)


def losses_of(case: Case, *fixed: Any) -> Callable[..., Any]:
    """Return the loss of a case, of logits, points and targets; the last three are fixed."""
    kernel = {"laplace": kdelab.Laplace, "gaussian": kdelab.Gaussian}[case.kernel](BANDWIDTH)
    if case.loss == "none":
        return lambda z, x, a, b: z
    if case.loss == "exact":
        return lambda z, x, a, b: kdelab.torch.cross_entropy(z, x, a, b, kernel)
    if case.loss == "prepared":
        prepared = kdelab.torch.CrossEntropy(*fixed, kernel, reduction="none")
        return lambda z, x, a, b: prepared(z)
    places = torch.from_numpy(bin_centres(case.bins, case.dtype))
    log_K, constant = IN_LOGS[case.kernel], log_scale(case.kernel, BANDWIDTH)

    def binned(z: Any, x: Any, a: Any, b: Any) -> Any:
        u = ((a[:, None] + (b - a)[:, None] * places)[:, :, None] - x[:, None, :]) / BANDWIDTH
        if case.direct:
            p = (torch.softmax(z, 1)[:, None, :] * torch.exp(log_K(torch, u))).sum(2)
            return constant - torch.log(p + torch.finfo(z.dtype).tiny).mean(1)
        return constant - torch.logsumexp(torch.log_softmax(z, 1)[:, None, :] + log_K(torch, u), 2).mean(1)

    return binned


def step_of(case: Case) -> Callable[[], float]:
    """Return a step: forward, loss, backward, and one of gradient descent."""
    torch.set_num_threads(THREADS)
    given = problem(case.dtype)
    x, a, b = (torch.from_numpy(array) for array in (given.batch.points, given.batch.lower, given.batch.upper))
    query, neighbours = torch.from_numpy(given.query), torch.from_numpy(given.neighbours)
    weights = [torch.from_numpy(array.copy()).requires_grad_(True) for array in given.weights[case.model]]
    losses = losses_of(case, x, a, b)

    def forward(*weights: Any) -> Any:
        return losses(logits_of(case.model, list(weights), query, neighbours), x, a, b).mean()

    if case.compiled:
        torch._dynamo.reset()
        forward = torch.compile(forward, fullgraph=True)

    def step() -> float:
        loss = forward(*weights)
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= RATE * gradient
        return float(loss.detach())

    return step
