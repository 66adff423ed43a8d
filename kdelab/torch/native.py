"""The native losses in PyTorch: how many panels, and with how little memory."""

from functools import partial
from typing import Any

import torch

from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native import losses as native
from kdelab.loss.native import quadrature
from kdelab.loss.native.units import Padded
from kdelab.torch import operations

PANELS = 16
"""Where PyTorch traces, and can't look at numbers, a target is cut into so many, unless the user says how many."""

FINEST = 1024
"""More panels than these are not tried."""

CHUNK = 2**18
"""At most so many kernel values at a time."""

_AGREED = {torch.float64: 1e-11, torch.float32: 1e-5}


def losses(
    logits: Any, points: Any, lower: Any, upper: Any, bandwidth: Any | None, mask: Any | None, offsets: Any | None,
    kernel: Kernel, background: float, panels: int | None,
) -> Any:  # fmt: skip
    """Return L (n,) in PyTorch's operations alone, of padded clusters or, with offsets, of ragged ones.

    Each prediction's target is cut into ``panels``; without a number into as many as it takes until the loss and its
    gradient by logits agree with those of half as many.
    """
    if bandwidth is None:
        bandwidth = torch.full((), kernel.bandwidth, dtype=torch.float64, device=lower.device)
    h = bandwidth.to(lower.dtype)
    if offsets is not None:
        logits, points, mask = padded(logits, points, offsets)
    clusters = Padded(logits, points, lower, upper, h.expand(lower.shape), mask)
    enough = (
        _enough(clusters, kernel, background)
        if panels is None and not native.closed(kernel, background) and len(lower)
        else None
    )
    if enough is None:
        return _losses(clusters, kernel, background, PANELS if panels is None else panels)
    groups = [(count, torch.nonzero(enough == count)[:, 0]) for count in torch.unique(enough).tolist()]
    if len(groups) == 1:
        return _losses(clusters, kernel, background, groups[0][0])
    parts = [_losses(_taken(clusters, rows), kernel, background, count) for count, rows in groups]
    return torch.cat(parts)[torch.argsort(torch.cat([rows for _, rows in groups]))]


def padded(logits: Any, points: Any, offsets: Any) -> tuple[Any, Any, Any]:
    """Return ragged logits and points (total,) as (n, k), and where they are, of n clusters of up to k points."""
    sizes = offsets.diff()
    column = torch.arange(int(sizes.max()) if len(sizes) else 1, device=offsets.device)
    mask = column < sizes[:, None]
    index = torch.where(mask, offsets[:-1, None] + column, 0)
    return logits[index], points[index], mask


def _losses(clusters: Padded, kernel: Kernel, background: float, panels: int) -> Any:
    density = partial(_density, kernel)
    return native.losses(operations, clusters, kernel, background, _nodes(kernel), panels, density)


def _taken(clusters: Padded, rows: Any) -> Padded:
    return Padded(*(None if tensor is None else tensor[rows] for tensor in clusters))


@torch.compiler.assume_constant_result
def _nodes(kernel: Kernel) -> quadrature.Nodes:
    return quadrature.nodes_of(kernel)


def _enough(clusters: Padded, kernel: Kernel, background: float) -> Any | None:
    """Return how many panels each prediction needs (n,); None where numbers can't be looked at."""
    if torch.compiler.is_compiling():
        return None
    held = Padded(*(None if tensor is None else tensor.detach() for tensor in clusters))
    agreed, n = _AGREED[held.logits.dtype], len(held.lower)
    enough = torch.full((n,), FINEST, device=held.lower.device)
    rows, panels = torch.arange(n, device=held.lower.device), 1
    before = _value_and_grad(held, kernel, background, panels)
    try:
        while len(rows) and panels < FINEST:
            panels *= 2
            now = _value_and_grad(_taken(held, rows), kernel, background, panels)
            apart = torch.maximum(_apart(now[0], before[0]), _apart(now[1], before[1]).amax(-1))
            done = apart <= agreed
            enough[rows[done]] = panels
            rows, before = rows[~done], (now[0][~done], now[1][~done])
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        return None
    return enough


def _apart(one: Any, other: Any) -> Any:
    """Return how far apart two results are, against 1 or their size; what isn't finite doesn't count."""
    return torch.nan_to_num((one - other).abs() / (1 + one.abs()), nan=0.0, posinf=0.0)


def _value_and_grad(clusters: Padded, kernel: Kernel, background: float, panels: int) -> tuple[Any, Any]:
    def values(logits: Any) -> Any:
        return _losses(clusters._replace(logits=logits), kernel, background, panels)

    found, pull = torch.func.vjp(values, clusters.logits)
    return found, pull(torch.ones_like(found))[0]


def _density(kernel: Kernel, log_S: Any, x: Any, places: Any, log_floor: Any | None) -> Any:
    """Compute log p in chunks of places, whose kernel values are computed anew for derivatives, never kept."""
    if torch.compiler.is_compiling():  # what is compiled is fused: no array of all kernel values comes to be
        return quadrature.log_density(operations, kernel, log_S, x, places, log_floor)
    size = max(1, CHUNK // max(1, x.numel()))
    chunks = (slice(first, first + size) for first in range(0, places.shape[-1], size))
    parts = [
        _LogDensity.apply(kernel, log_S, x, places[..., chunk], None if log_floor is None else log_floor[..., chunk])
        for chunk in chunks
    ]
    return torch.cat(parts, -1)


class _LogDensity(torch.autograd.Function):
    """`quadrature.log_density`, of which nothing is kept but its arguments."""

    generate_vmap_rule = True

    @staticmethod
    def forward(kernel: Kernel, log_S: Any, x: Any, places: Any, log_floor: Any | None) -> Any:
        return quadrature.log_density(operations, kernel, log_S, x, places, log_floor)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.kernel, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, by_log_p: Any) -> Any:
        *tensors, log_floor = ctx.saved_tensors
        if log_floor is None:
            _, pull = torch.func.vjp(partial(_without_floor, ctx.kernel), *tensors)
            return None, *pull(by_log_p), None
        _, pull = torch.func.vjp(partial(quadrature.log_density, operations, ctx.kernel), *tensors, log_floor)
        return None, *pull(by_log_p)


def _without_floor(kernel: Kernel, log_S: Any, x: Any, places: Any) -> Any:
    return quadrature.log_density(operations, kernel, log_S, x, places, None)
