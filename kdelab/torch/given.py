"""What users give: whether kinds, types, devices and shapes fit, which is seen without looking at a number."""

from typing import Any

import torch
from torch import Tensor

from kdelab.loss.clusters import Clusters


def tensors_of(
    clusters: Clusters, others: dict[str, Any], dtype: Any, device: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return points, lower, upper and offsets of clusters, which come with them."""
    for name, given in others.items():
        if given is not None:
            raise ValueError(f"{name} must be None where points are Clusters, which have their own")
    points, lower, upper = (
        torch.tensor(array, dtype=dtype, device=device) for array in (clusters.points, clusters.lower, clusters.upper)
    )
    return points, lower, upper, torch.tensor(clusters.offsets, device=device)


def check(logits: Any, points: Any, lower: Any, upper: Any, bandwidth: Any, mask: Any, offsets: Any) -> None:
    """Raise a ValueError that names the argument whose kind, type, device or shape doesn't fit the others."""
    floats = {"logits": logits, "points": points, "lower": lower, "upper": upper, "bandwidth": bandwidth}
    for name, given in (floats | {"mask": mask, "offsets": offsets}).items():
        if given is None and name in ("bandwidth", "mask", "offsets"):
            continue
        if not isinstance(given, Tensor):
            raise ValueError(f"{name} must be a torch.Tensor, not {type(given).__name__}")
        if given.device != logits.device:
            raise ValueError(f"{name} must be on {logits.device}, as the logits are, not on {given.device}")
        if name in floats:
            if given.dtype not in (torch.float32, torch.float64):
                raise ValueError(f"{name} must be float32 or float64, not {given.dtype}: {name}.float(), say")
            if given.dtype != logits.dtype:
                raise ValueError(f"{name} must be {logits.dtype}, as the logits are, not {given.dtype}")
    if mask is not None and mask.dtype != torch.bool:
        raise ValueError(f"mask must be of torch.bool, True where there is a neighbour, not {mask.dtype}")
    if offsets is None:
        if not logits.ndim or not logits.shape[-1]:
            raise ValueError(f"logits must be (..., k) with k of at least 1, not {tuple(logits.shape)}")
        batch = logits.shape[:-1]
    else:
        if mask is not None:
            raise ValueError("mask must be None where there are offsets")
        if offsets.ndim != 1 or offsets.is_floating_point() or offsets.dtype == torch.bool or not len(offsets):
            raise ValueError(f"offsets must be whole numbers, (n + 1,), not {offsets.dtype} of {tuple(offsets.shape)}")
        if logits.ndim != 1:
            raise ValueError(f"logits must be (total,) where there are offsets, not {tuple(logits.shape)}")
        batch = torch.Size([len(offsets) - 1])
    for name, given, shape in (
        ("points", points, logits.shape),
        ("mask", mask, logits.shape),
        ("lower", lower, batch),
        ("upper", upper, batch),
    ):
        if given is not None and given.shape != shape:
            raise ValueError(f"{name} must be of the shape {tuple(shape)}, to fit the logits {tuple(logits.shape)}, "
                             f"not {tuple(given.shape)}")  # fmt: skip
    if bandwidth is not None and bandwidth.ndim and bandwidth.shape != batch:
        raise ValueError(f"bandwidth must be one number or {tuple(batch)}, one a prediction, "
                         f"not {tuple(bandwidth.shape)}")  # fmt: skip
