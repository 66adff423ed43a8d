"""What users call: the loss as a function, as a module, and prepared."""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.validate import fraction, instance
from kdelab.torch import native
from kdelab.torch.engine import Evaluator, Exact
from kdelab.torch.given import check, tensors_of

Reduction = Literal["none", "mean", "sum"]

_evaluators: dict[tuple[Any, ...], Evaluator] = {}


def cross_entropy(  # noqa: PLR0913
    logits: Tensor,
    points: Tensor | Clusters,
    lower: Tensor | None,
    upper: Tensor | None,
    kernel: Kernel,
    bandwidth: Tensor | float | None = None,
    mask: Tensor | None = None,
    background: float = 0.0,
    reduction: Reduction = "none",
    *,
    offsets: Tensor | None = None,
    panels: int | None = None,
    engine: bool = True,
) -> Tensor:
    """Return the cross-entropy between uniform targets and kernel densities with softmax weights, as PyTorch's own.

    L = -(1/(b-a)) integral_a^b log p(x) dx, p(x) = sum_j S_j K_h(x - x_j), S = softmax(z), one loss a prediction, in
    nats: exact, where bins are off. It is differentiable by logits, points, lower, upper and bandwidth.

    Parameters
    ----------
    logits : Tensor, (..., k)
        z, in float32 or float64; with offsets (total,), one cluster behind the other.
    points : Tensor or Clusters
        x, as the logits; with `Clusters` they have their ``points`` and ``offsets``, and lower and upper are None.
    lower, upper : Tensor, (...)
        The targets [a, b] of the predictions; with offsets (n,).
    kernel : Kernel
        `kdelab.Laplace(bandwidth=0.1)`, say, or one of one's own.
    bandwidth : Tensor or float, optional
        () or one a prediction; replaces the kernel's, and is learned if it requires a gradient.
    mask : Tensor of bool, (..., k), optional
        True where there is a neighbour; what lies elsewhere isn't looked at, and gets the gradient 0.
    background : float
        The weight, in [0, 1), of a uniform density on [-1, 1] mixed into p.
    reduction : "none", "mean" or "sum"
    offsets : Tensor of int, (n + 1,), optional
        Cluster i is ``points[offsets[i]:offsets[i + 1]]``.
    panels : int, optional
        How many panels a native loss cuts each target into, before kinks cut it further; see the notes.
    engine : bool
        Whether kdelab's compiled engine may be used; False where forward mode is wanted (`torch.func.jvp`).

    Returns
    -------
    loss : Tensor, (...) or ()

    Raises
    ------
    ValueError
        If shapes don't fit, types or devices differ, or something isn't finite, a target lies the wrong way round or a
        row has no neighbour. Numbers are looked at on a CPU only, and not under `torch.vmap`: elsewhere NaN gives NaN,
        and a row without a neighbour the loss inf and no gradient.

    Notes
    -----
    On a CPU the loss and its first derivatives come from kdelab's compiled engine, in float64 inside, whatever is
    given: with autograd and under `torch.compile`. All else is native, in PyTorch's operations: other devices, second
    derivatives, `torch.func`'s derivatives, and a bandwidth a prediction together with a background.

    Native Laplace without a background is a closed form. Other kernels take eight nodes of Gauss-Legendre a panel, or
    25 that crowd at cusps and ends of kernels; the box one. As many panels as it takes, up to 1,024, until loss and
    gradient settle, to 1e-11 in float64; what is compiled, or under `torch.vmap`, can't look and takes ``panels``, 16
    unless said. A Gaussian wants as many as W D / 3, W the target's width and D the distance of its points in
    bandwidths, for 1e-10, and W D / 8 for 1e-4; the others W.

    Examples
    --------
    >>> logits = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    >>> points, lower, upper = (torch.tensor(x, dtype=torch.float64) for x in ([[-0.3, 0.1, 0.2]], [0.0], [0.2]))
    >>> loss = kdelab.torch.cross_entropy(logits, points, lower, upper, kdelab.Laplace(bandwidth=0.1))
    >>> loss.sum().backward()
    >>> logits.grad
    tensor([[ 0.3094, -0.2654, -0.0439]], dtype=torch.float64)
    """
    if isinstance(points, Clusters):
        own = {"lower": lower, "upper": upper, "mask": mask, "offsets": offsets}
        points, lower, upper, offsets = tensors_of(points, own, logits.dtype, logits.device)
    h, number = (None, bandwidth) if isinstance(bandwidth, (int, float)) else (bandwidth, None)
    check(logits, points, lower, upper, h, mask, offsets)
    if number is not None:
        h = torch.full((), number, dtype=torch.float64, device=logits.device)
    evaluator = _evaluator(kernel, background, panels)
    shape = lower.shape
    if offsets is None:
        k = logits.shape[-1]
        logits, points = logits.reshape(-1, k), points.reshape(-1, k)
        mask = None if mask is None else mask.reshape(-1, k)
        lower, upper = lower.reshape(-1), upper.reshape(-1)
        h = h if h is None or h.ndim == 0 else h.reshape(-1)
    given = (logits, points, lower, upper, h, mask, offsets)
    losses = _losses(given, kernel, background, panels, evaluator, engine)
    return _reduced(losses.reshape(shape), reduction)


class CrossEntropyLoss(torch.nn.Module):
    """`cross_entropy` as a module that holds the kernel, and its bandwidth if that is to be learned.

    Parameters
    ----------
    kernel : Kernel
    learn_bandwidth : bool
        Then ``log_bandwidth`` is a parameter, which starts at the kernel's.
    background : float
    reduction : "none", "mean" or "sum"
    """

    def __init__(
        self, kernel: Kernel, learn_bandwidth: bool = False, background: float = 0.0, reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        self.background, self.reduction = fraction("background", background), _known(reduction)
        self.log_bandwidth = torch.nn.Parameter(torch.tensor(math.log(kernel.bandwidth))) if learn_bandwidth else None

    def forward(
        self, logits: Tensor, points: Tensor | Clusters, lower: Tensor | None = None, upper: Tensor | None = None,
        mask: Tensor | None = None, offsets: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Return the loss of a batch; parameters as in `cross_entropy`."""
        h = None if self.log_bandwidth is None else self.log_bandwidth.exp().to(logits.dtype)
        given = (logits, points, lower, upper, self.kernel, h, mask, self.background, self.reduction)
        return cross_entropy(*given, offsets=offsets)

    def extra_repr(self) -> str:
        """Return what `print` shows."""
        return f"{self.kernel!r}, background={self.background}, reduction={self.reduction!r}"


class CrossEntropy(torch.nn.Module):
    """The loss of fixed points and targets, prepared once: then only logits come.

    Parameters
    ----------
    points, lower, upper, kernel, mask, background, reduction, offsets
        As in `cross_entropy`. Tensors are kept as buffers, so that the module moves to a device with them; on a CPU
        what the compiled engine prepares is kept beside them, and later changes of the buffers don't count.

    Examples
    --------
    >>> clusters = kdelab.Clusters.from_lists([[-0.3, 0.1, 0.2], [0.4, 0.6]], lower=[0.0, 0.1], upper=[0.2, 0.3])
    >>> loss = kdelab.torch.CrossEntropy(clusters, None, None, kdelab.Laplace(bandwidth=0.1), reduction="none")
    >>> loss(torch.zeros(5, dtype=torch.float64))
    tensor([-0.5605,  0.9569], dtype=torch.float64)
    """

    def __init__(
        self, points: Tensor | Clusters, lower: Tensor | None, upper: Tensor | None, kernel: Kernel,
        mask: Tensor | None = None, background: float = 0.0, reduction: Reduction = "mean",
        offsets: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if isinstance(points, Clusters):
            own = {"lower": lower, "upper": upper, "mask": mask, "offsets": offsets}
            points, lower, upper, offsets = tensors_of(points, own, torch.float64, None)
        check(torch.zeros_like(points), points, lower, upper, None, mask, offsets)
        self.reduction, self.shape = _known(reduction), lower.shape
        k = points.shape[-1]
        padded = offsets is None
        self.evaluator = Evaluator(kernel, background)
        self.kernel, self.background = self.evaluator.kernel, self.evaluator.background
        for name, tensor in (
            ("points", points.reshape(-1, k) if padded else points),
            ("lower", lower.reshape(-1)),
            ("upper", upper.reshape(-1)),
            ("mask", mask if mask is None else mask.reshape(-1, k)),
            ("offsets", offsets),
        ):
            self.register_buffer(name, None if tensor is None else tensor.detach().clone(), persistent=False)
        if points.device.type == "cpu":
            self.evaluator.prepare(self.points, self.lower, self.upper, self.mask, self.offsets)

    def forward(self, logits: Tensor) -> Tensor:
        """Return the loss of logits, of the points' shape."""
        flat = logits if self.offsets is not None else logits.reshape(-1, logits.shape[-1])
        points, lower, upper = (one.to(logits.dtype) for one in (self.points, self.lower, self.upper))
        check(flat, points, lower, upper, None, self.mask, self.offsets)
        given = (flat, points, lower, upper, None, self.mask, self.offsets)
        losses = _losses(given, self.kernel, self.background, None, self.evaluator.number, True)
        return _reduced(losses.reshape(self.shape), self.reduction)


def _losses(
    given: tuple[Any, ...], kernel: Kernel, background: float, panels: int | None, evaluator: int, engine: bool
) -> Tensor:
    """Return the losses (n,), by whatever suits."""
    logits, h = given[0], given[4]
    own = h is not None and h.ndim > 0 and background > 0
    if engine and logits.device.type == "cpu" and not own:
        grad = torch.is_grad_enabled()
        wanted = [grad and one is not None and one.requires_grad for one in given[:5]]
        return Exact.apply(*given, evaluator, wanted)[0]
    if logits.device.type == "cpu" and not torch.compiler.is_compiling():
        Evaluator.known[evaluator].check(*given)
    return native.losses(*given, kernel, background, panels)


@torch.compiler.assume_constant_result
def _evaluator(kernel: Kernel, background: float, panels: int | None) -> int:
    """Return the number of what holds these, the same for the same: it lives as long as the process."""
    try:
        key = type(kernel), kernel, background, panels
        if key not in _evaluators:
            _evaluators[key] = Evaluator(kernel, background, panels)
        return _evaluators[key].number
    except TypeError:  # what can't be hashed, or isn't a kernel, is refused by name
        return Evaluator(kernel, background, panels).number


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    if _known(reduction) == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _known(reduction: Any) -> Any:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not {reduction!r}")
    return reduction
