"""PyTorch, eager and compiled."""

from typing import Any

import torch

from benchmarks.cases import Batch, Evaluation
from benchmarks.peers.binned import DIRECT, IN_LOGS, THREADS, bin_centres, even, floor, log_scale


def _by_autograd(batch: Batch, kernel: str, bins: int, compiled: bool, chunk: int) -> Evaluation:
    torch.set_num_threads(THREADS)
    x, z, a, b = (torch.from_numpy(array) for array in batch[:4])
    places = torch.from_numpy(bin_centres(bins, batch.points.dtype))
    h, constant, least = batch.bandwidth, log_scale(kernel, batch.bandwidth), floor(kernel, batch.bandwidth)

    def losses(z: Any, x: Any, a: Any, b: Any) -> Any:
        u = ((a[:, None] + (b - a)[:, None] * places)[:, :, None] - x[:, None, :]) / h
        if kernel in IN_LOGS:
            log_p = torch.logsumexp(torch.log_softmax(z, 1)[:, None, :] + IN_LOGS[kernel](torch, u), 2)
        else:
            log_p = torch.log((torch.softmax(z, 1)[:, None, :] * DIRECT[kernel](torch, u)).sum(2) + least)
        return constant - log_p.mean(1)

    function = torch.compile(losses) if compiled else losses
    n = len(z)
    step = chunk or n

    def evaluate() -> tuple[Any, Any]:
        values, gradients = [], []
        for first in range(0, n, step):
            part = slice(first, first + step)
            leaf = z[part].detach().requires_grad_(True)
            value = function(leaf, x[part], a[part], b[part])
            value.sum().backward()
            values.append(value.detach())
            gradients.append(leaf.grad)
        return torch.cat(values).numpy(), torch.cat(gradients).numpy()

    return evaluate


def plain(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Eager, whole arrays at once."""
    return _by_autograd(batch, kernel, bins, compiled=False, chunk=0)


def chunked(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Eager, in chunks of a few megabytes."""
    return _by_autograd(batch, kernel, bins, compiled=False, chunk=max(1, 2**19 // (bins * batch.points.shape[1])))


def compiled(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """torch.compile, whole arrays at once."""
    return _by_autograd(batch, kernel, bins, compiled=True, chunk=0)


def compiled_chunked(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """torch.compile, in chunks that divide the batch evenly."""
    n, k = batch.points.shape
    return _by_autograd(batch, kernel, bins, compiled=True, chunk=even(n, 2**19 // (bins * k)))
