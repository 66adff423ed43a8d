"""kdelab's compiled engine as an operation of PyTorch's, for tensors on a CPU.

It gives the losses and the first derivatives that are wanted at once; who derives those once more gets the native
losses' derivatives. As an operation it is one node in what `torch.compile` makes, and its errors are the engine's own.
"""

import itertools
import weakref
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kdelab.loss import padded
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native.units import Padded
from kdelab.loss.padded import BY
from kdelab.loss.validate import count, fraction, instance
from kdelab.torch import native


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
        self._enter()

    def _enter(self) -> None:
        self.number = next(self.numbers)
        self.known[self.number] = self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Give a copy, or what comes from another process, a number of its own."""
        vars(self).update(state)
        self._enter()

    def prepare(self, given: Sequence[Tensor | None]) -> None:
        """Keep the loss of these clusters, which stay."""
        arrays, offsets = _arrays(given)
        threads = torch.get_num_threads()
        clusters = padded.clusters_of(arrays, offsets)
        self.prepared = CrossEntropy(clusters, self.kernel, background=self.background, threads=threads)

    def check(self, given: Sequence[Tensor | None]) -> None:
        """Raise the engine's own errors, without its work; nothing where `torch.vmap` hides the numbers."""
        try:
            arrays, offsets = _arrays(given)
        except RuntimeError:
            return
        padded.clusters_of(arrays, offsets).checked(padded.flat(arrays.logits, arrays.mask))
        if arrays.bandwidth is not None:
            padded.positive(arrays.bandwidth)

    def evaluate(self, given: Sequence[Tensor | None], by: Sequence[str]) -> list[Any]:
        """Return losses (n,) and gradients by some of `BY`, of the shapes of what they are taken by."""
        arrays, offsets = _arrays(given)
        if self.prepared is None:
            threads = torch.get_num_threads()
            return padded.evaluate(self.kernel, self.background, by, arrays, offsets, threads)
        found = padded.gradients(self.prepared, padded.flat(arrays.logits, arrays.mask), by)
        return padded.shaped(found, by, arrays.logits, arrays.mask)


def _arrays(given: Sequence[Tensor | None]) -> tuple[Padded, Any | None]:
    """Return logits, points, lower, upper, bandwidths (n,) and mask as NumPy's, floats as float64; and offsets."""
    *arrays, offsets = (None if tensor is None else _array(tensor) for tensor in given)
    clusters = Padded(*arrays)
    if clusters.bandwidth is not None:
        clusters = clusters._replace(bandwidth=np.broadcast_to(clusters.bandwidth, clusters.lower.shape))
    return clusters, offsets


def _array(tensor: Tensor) -> Any:
    return (tensor.double() if tensor.is_floating_point() else tensor).detach().numpy()


@torch.library.custom_op("kdelab::evaluate", mutates_args=())
def evaluate(
    logits: Tensor, points: Tensor, lower: Tensor, upper: Tensor, bandwidth: Tensor | None, mask: Tensor | None,
    offsets: Tensor | None, evaluator: int, wanted: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Return losses (n,) and their gradients by `BY`; of those that aren't wanted an empty tensor.

    Shapes are those of what they are taken by, except that the gradient by bandwidth is one a prediction.
    """
    by = [name for name, one in zip(BY, wanted, strict=True) if one]
    given = (logits, points, lower, upper, bandwidth, mask, offsets)
    values, *found = (
        torch.from_numpy(np.ascontiguousarray(array)).to(logits.dtype)
        for array in Evaluator.known[evaluator].evaluate(given, by)
    )
    gradients = dict(zip(by, found, strict=True))
    return values, *(gradients.get(name, logits.new_empty(0)) for name in BY)


@evaluate.register_fake
def _(logits, points, lower, upper, bandwidth, mask, offsets, evaluator, wanted):  # type: ignore[no-untyped-def]
    like = (logits, points, lower, upper, lower)
    gradients = (logits.new_empty(one.shape if has else 0) for one, has in zip(like, wanted, strict=True))
    return lower.new_empty(lower.shape), *gradients


@evaluate.register_vmap
def _(info, in_dims, *arguments):  # type: ignore[no-untyped-def]
    tensors: list[Any]
    *tensors, evaluator, wanted = arguments
    size = info.batch_size
    batched: list[Any] = [
        None if tensor is None else tensor.movedim(dim, 0) if dim is not None else tensor.expand(size, *tensor.shape)
        for tensor, dim in zip(tensors, in_dims, strict=False)
    ]
    logits, points, lower, upper, bandwidth, mask, offsets = batched
    if offsets is not None or Evaluator.known[evaluator].prepared is not None:
        each = [evaluate(*(None if one is None else one[i] for one in batched), evaluator, wanted) for i in range(size)]
        return tuple(torch.stack(parts) for parts in zip(*each, strict=True)), (0,) * 6
    n = lower.shape[1]
    if bandwidth is not None:
        bandwidth = (bandwidth if bandwidth.ndim == 2 else bandwidth[:, None].expand(size, n)).reshape(-1)
    flat = [None if one is None else one.reshape(size * n, *one.shape[2:]) for one in (logits, points, lower, upper)]
    mask = None if mask is None else mask.reshape(size * n, -1)
    found = evaluate(*flat, bandwidth, mask, None, evaluator, wanted)
    apart = (one.reshape(size, n, *one.shape[1:]) if one.numel() else one.new_empty(size, 0) for one in found)
    return tuple(apart), (0,) * 6


class Exact(torch.autograd.Function):
    """`evaluate`, and how it is derived: by its own gradients, or where those are to be derived, by native ones."""

    generate_vmap_rule = True

    @staticmethod
    def forward(  # noqa: D102
        logits: Any, points: Any, lower: Any, upper: Any, bandwidth: Any, mask: Any, offsets: Any, evaluator: int,
        wanted: Sequence[bool],
    ) -> Any:  # fmt: skip
        return evaluate(logits, points, lower, upper, bandwidth, mask, offsets, evaluator, wanted)

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
        return native.losses(given, evaluator.kernel, evaluator.background, evaluator.panels)

    _, pull = torch.func.vjp(losses, *(tensors[i] for i in which))
    found = dict(zip(which, pull(by_values), strict=True))
    return [found.get(i) for i in range(5)]
