"""kdelab's compiled engine as an operation of PyTorch's, for tensors on a CPU.

It gives the losses and the first derivatives that are wanted at once; who derives those once more gets the native
losses' derivatives. As an operation it is one node in what `torch.compile` makes, and its errors are the engine's own.
"""

import dataclasses
import itertools
import weakref
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.validate import count, fraction, instance, vector
from kdelab.torch import native

BY = ("logits", "points", "lower", "upper", "bandwidth")
"""What derivatives are taken by, in the order in which they come."""


class Evaluator:
    """What isn't a tensor: a kernel, a background, and the loss itself where it is prepared.

    Operations take numbers, so each has one, by which it is found for as long as somebody holds it.
    """

    known: ClassVar["weakref.WeakValueDictionary[int, Evaluator]"] = weakref.WeakValueDictionary()
    numbers: ClassVar[Any] = itertools.count()

    def __init__(self, kernel: Kernel, background: float = 0.0, panels: int | None = None) -> None:
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        self.background = fraction("background", background)
        self.panels = None if panels is None else count("panels", panels)
        self.prepared: CrossEntropy | None = None
        self.number = next(self.numbers)
        self.known[self.number] = self

    def prepare(self, *tensors: Tensor | None) -> None:
        """Keep the loss of these clusters, which stay: points, lower, upper, mask and offsets."""
        points, lower, upper, mask, offsets = (_array(tensor) for tensor in tensors)
        self.prepared, _ = self._prepare(_Arrays(points, lower, upper, None, mask, offsets))

    def check(self, logits: Tensor, *tensors: Tensor | None) -> None:
        """Raise the engine's own errors, without its work; nothing where `torch.vmap` hides the numbers."""
        try:
            z, given = _array(logits), _Arrays(*(_array(tensor) for tensor in tensors))
        except RuntimeError:
            return
        clusters = given.clusters()
        clusters.checked(z.reshape(-1) if given.mask is None else z[given.mask])
        if given.bandwidth is not None:
            bandwidths(np.atleast_1d(given.bandwidth))

    def evaluate(self, logits: Any, clusters: "_Arrays", wanted: Sequence[bool]) -> list[Any]:
        """Return losses (n,) and the gradients that are wanted, of the shapes of what they are taken by, else None."""
        prepared, scale = (self.prepared, None) if self.prepared is not None else self._prepare(clusters)
        mask = clusters.mask
        z = logits.reshape(-1) if mask is None else logits[mask]
        names = [f"log_{name}" if name == "bandwidth" else name for name in BY]
        wrt = [name for name, one in zip(names, wanted, strict=True) if one]
        values, found = prepared.value_and_grads(z, wrt=wrt)
        if scale is not None:
            values = values + np.log(scale)
            each = prepared.clusters.spread(scale)
            units = {"logits": 1.0, "points": each, "lower": scale, "upper": scale, "log_bandwidth": scale}
            found = {name: gradient / units[name] for name, gradient in found.items()}
        elif "log_bandwidth" in found:
            found["log_bandwidth"] = found["log_bandwidth"] / prepared.kernel.bandwidth
        for name in {"logits", "points"} & set(found):
            if mask is None:
                found[name] = found[name].reshape(logits.shape)
            else:
                flat, found[name] = found[name], np.zeros(logits.shape)
                found[name][mask] = flat
        return [values, *(found.get(name) for name in names)]

    def _prepare(self, given: "_Arrays") -> tuple[CrossEntropy, Any | None]:
        """Return the loss of these clusters; with a bandwidth a prediction, (n,), scaled to 1, and those bandwidths."""
        clusters, kernel, h = given.clusters(), self.kernel, given.bandwidth
        if h is not None and h.ndim == 0:
            kernel, h = dataclasses.replace(kernel, bandwidth=float(h)), None
        elif h is not None:
            h, kernel = bandwidths(h), dataclasses.replace(kernel, bandwidth=1.0)
            centre = clusters.centres
            points = (clusters.points - clusters.spread(centre)) / clusters.spread(h)
            lower, upper = (clusters.lower - centre) / h, (clusters.upper - centre) / h
            clusters = Clusters(points, clusters.offsets, lower, upper)
        threads = torch.get_num_threads()
        return CrossEntropy(clusters, kernel, background=self.background, threads=threads), h


def bandwidths(given: Any) -> Any:
    """Return bandwidths (n,) if they are finite and positive."""
    h = vector("bandwidth", given)
    if not (h > 0).all():
        raise ValueError(
            f"bandwidth must be greater than 0, but bandwidth[{np.argmin(h > 0)}] is {h[np.argmin(h > 0)]}"
        )
    return h


@dataclasses.dataclass
class _Arrays:
    """What a user gives besides the logits, as NumPy's."""

    points: Any
    lower: Any
    upper: Any
    bandwidth: Any | None
    mask: Any | None
    offsets: Any | None

    def clusters(self) -> Clusters:
        """Return the clusters, checked."""
        if self.offsets is None:
            return Clusters.from_padded(self.points, self.lower, self.upper, self.mask)
        return Clusters(self.points, self.offsets, self.lower, self.upper)


def _array(tensor: Tensor | None) -> Any:
    """Return a tensor's numbers, floats as float64."""
    if tensor is None:
        return None
    return (tensor.double() if tensor.is_floating_point() else tensor).detach().numpy()


@torch.library.custom_op("kdelab::evaluate", mutates_args=())
def evaluate(
    logits: Tensor, points: Tensor, lower: Tensor, upper: Tensor, bandwidth: Tensor | None, mask: Tensor | None,
    offsets: Tensor | None, evaluator: int, wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Return losses (n,) and their gradients by `BY`; of those that aren't wanted an empty tensor.

    Shapes are those of what they are taken by, except that the gradient by bandwidth is one a prediction.
    """
    given = _Arrays(*(_array(tensor) for tensor in (points, lower, upper, bandwidth, mask, offsets)))
    found = Evaluator.known[evaluator].evaluate(_array(logits), given, wanted)
    values, *gradients = (
        logits.new_empty(0) if array is None else torch.from_numpy(np.ascontiguousarray(array)).to(logits.dtype)
        for array in found
    )
    return values, *gradients  # type: ignore[return-value]


@evaluate.register_fake
def _(logits, points, lower, upper, bandwidth, mask, offsets, evaluator, wanted):  # type: ignore[no-untyped-def]
    like = (logits, points, lower, upper, lower)
    gradients = [
        torch.empty_like(one) if is_wanted else logits.new_empty(0) for one, is_wanted in zip(like, wanted, strict=True)
    ]
    return torch.empty_like(lower), *gradients


@evaluate.register_vmap
def _(info, in_dims, *arguments):  # type: ignore[no-untyped-def]
    *tensors, evaluator, wanted = arguments
    size = info.batch_size
    batched = [
        None if tensor is None else tensor.movedim(dim, 0) if dim is not None else tensor.expand(size, *tensor.shape)
        for tensor, dim in zip(tensors, in_dims, strict=False)
    ]
    logits, points, lower, upper, bandwidth, mask, offsets = batched
    if offsets is not None or Evaluator.known[evaluator].prepared is not None:
        each = [evaluate(*(None if one is None else one[i] for one in batched), evaluator, wanted) for i in range(size)]
        return tuple(torch.stack(parts) for parts in zip(*each, strict=True)), (0,) * 6
    n = lower.shape[1]
    if bandwidth is not None:
        own = in_dims[4] is not None or tensors[4].ndim == 1
        bandwidth = (bandwidth if bandwidth.ndim == 2 else bandwidth[:, None].expand(size, n)) if own else tensors[4]
        bandwidth = bandwidth.reshape(-1) if own else bandwidth
    flat = [None if one is None else one.reshape(size * n, *one.shape[2:]) for one in (logits, points, lower, upper)]
    mask = None if mask is None else mask.reshape(size * n, -1)
    found = evaluate(*flat, bandwidth, mask, None, evaluator, wanted)
    return tuple(one.reshape(size, n, *one.shape[1:]) if one.numel() else one.new_empty(size, 0) for one in found), (
        0,
    ) * 6


class Exact(torch.autograd.Function):
    """`evaluate`, and how it is derived: by its own gradients, or where those are to be derived, by native ones."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*arguments: Any) -> Any:  # noqa: D102
        return evaluate(*arguments)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:  # noqa: D102
        *tensors, ctx.evaluator, ctx.wanted = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:], *tensors)

    @staticmethod
    def backward(ctx: Any, by_values: Any, *_: Any) -> Any:  # noqa: D102
        found, tensors = ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        asked = ctx.needs_input_grad[:5]
        derived = torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if derived or any(one and not has for one, has in zip(asked, ctx.wanted, strict=True)):
            gradients = _native(Evaluator.known[ctx.evaluator], asked, by_values, tensors)
        else:
            gradients = [
                _weighted(by_values, gradient, tensor, tensors[6]) if one else None
                for one, gradient, tensor in zip(asked, found, tensors[:5], strict=True)
            ]
        return *gradients, None, None, None, None


def _weighted(by_values: Any, gradient: Any, tensor: Any, offsets: Any | None) -> Any:
    """Return the gradient of losses weighted by ``by_values`` (n,), of the shape of a tensor."""
    if tensor.ndim == 0:
        return (by_values * gradient).sum()
    if offsets is not None and gradient.shape != by_values.shape:
        by_values = torch.repeat_interleave(by_values, offsets.diff(), output_size=len(gradient))
    return gradient * (by_values[:, None] if gradient.ndim == 2 else by_values)


def _native(evaluator: Evaluator, asked: Sequence[bool], by_values: Any, tensors: Sequence[Any]) -> list[Any]:
    """Return the native losses' gradients, differentiable once more."""
    which = [i for i, one in enumerate(asked) if one]

    def losses(*chosen: Any) -> Any:
        given = list(tensors)
        for i, one in zip(which, chosen, strict=True):
            given[i] = one
        return native.losses(*given, evaluator.kernel, evaluator.background, evaluator.panels)

    _, pull = torch.func.vjp(losses, *(tensors[i] for i in which))
    found = dict(zip(which, pull(by_values), strict=True))
    return [found.get(i) for i in range(5)]
