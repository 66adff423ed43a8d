"""The loss that was used, held against the slow reference: by what nobody can have tuned to it."""

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss import reference
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Kernel


def against_reference(clusters: Clusters, logits: ArrayLike, kernel: Kernel) -> tuple[float, float]:
    """Return the largest errors of `CrossEntropy`, of its loss and of its gradient, against `kdelab.reference`.

    Parameters
    ----------
    clusters : Clusters
        A few: the reference takes milliseconds for each.
    logits : array_like, (total,)
    kernel : Kernel

    Returns
    -------
    loss_error, gradient_error : float
        The greatest absolute difference over all clusters; infinite where only one of the two losses is.
    """
    z = clusters.checked(logits)
    values, gradient = CrossEntropy(clusters, kernel).value_and_grad(z)
    loss_error = gradient_error = 0.0
    for value, part, (points, lower, upper) in zip(values, clusters.slices(), clusters, strict=True):
        true_value = reference.loss(points, z[part], lower, upper, kernel)
        true_gradient = reference.gradient(points, z[part], lower, upper, kernel)
        loss_error = max(loss_error, 0.0 if value == true_value else float(abs(value - true_value)))
        gradient_error = max(gradient_error, float(np.abs(gradient[part] - true_gradient).max()))
    return loss_error, gradient_error
