"""A loss that kills: the process that a file names, in the middle of an evaluation, once."""

import os
import signal
from pathlib import Path
from typing import Any

import kdelab
from kdelab.loss.validate import Floats


class Deadly:
    """The cross-entropy; where there is a file ``order``, whoever evaluates next removes it and kills what it names.

    The file says "me", the process that evaluates, or a number.
    """

    def __init__(self, order: str, clusters: kdelab.Clusters, kernel: Any) -> None:
        self.order, self.inner = Path(order), kdelab.CrossEntropy(clusters, kernel)

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses and gradient, if this process lives."""
        try:
            whom = self.order.read_text()
            self.order.unlink()
        except FileNotFoundError:
            return self.inner.value_and_grad(logits)
        os.kill(os.getpid() if whom == "me" else int(whom), signal.SIGKILL)
        return self.inner.value_and_grad(logits)
