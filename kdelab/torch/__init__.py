"""The loss as a differentiable function of PyTorch."""

from kdelab import extras

extras.load("torch", "torch")
