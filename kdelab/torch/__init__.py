"""The loss where PyTorch trains: exact, differentiable as often as one likes, on any device.

`cross_entropy` is the function, `CrossEntropyLoss` its module, with a bandwidth to learn if one wants it, and
`CrossEntropy` is for points and targets that stay, prepared once. It needs PyTorch: ``pip install "kdelab[torch]"``.
"""

from kdelab.extras import need

need("torch")

from kdelab.torch.loss import CrossEntropy, CrossEntropyLoss, cross_entropy  # noqa: E402

__all__ = ["CrossEntropy", "CrossEntropyLoss", "cross_entropy"]
