"""PyTorch's functions under the names that the native losses call them by."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import (  # noqa: F401
    abs,
    amax,
    argsort,
    concatenate,
    exp,
    finfo,
    flip,
    log,
    log1p,
    tanh,
    where,
    zeros_like,
)
from torch import take_along_dim as _take_along_dim


def maximum(x: Any, y: Any) -> Any:
    """Return the larger, elementwise; y may be a number."""
    return torch.maximum(x, y) if isinstance(y, torch.Tensor) else torch.clamp(x, min=y)


def minimum(x: Any, y: Any) -> Any:
    """Return the smaller, elementwise; y may be a number."""
    return torch.minimum(x, y) if isinstance(y, torch.Tensor) else torch.clamp(x, max=y)


def take_along_axis(x: Any, index: Any, axis: int) -> Any:
    """Return x[..., index]."""
    return _take_along_dim(x, index, axis)


def constant(values: Sequence[float], like: Any) -> Any:
    """Return numbers as a tensor of the precision and on the device of ``like``."""
    return torch.tensor(values, dtype=like.dtype, device=like.device)


def held(x: Any) -> Any:
    """Return x, for derivatives a constant."""
    return x.detach()
