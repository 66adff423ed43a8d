"""Two clusters of five points in all, and what may be made of them."""

import numpy as np
from kernels_under_test import sized

import kdelab

POINTS, OFFSETS = [0.1, 0.2, -0.3, 0.4, 0.0], [0, 2, 5]
LOWER, UPPER, LOGITS = [-0.1, 0.3], [0.2, 0.5], [0.0, 1.0, -1.0, 0.5, 0.2]
KERNELS = sized(0.1, 1.0)
RULES = ["auto", kdelab.Adaptive(1e-8), kdelab.Midpoint(3), kdelab.GaussLegendre(4)]
CLUSTERS = kdelab.Clusters(POINTS, OFFSETS, LOWER, UPPER)
LOSS = kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1))
PARTS = CLUSTERS.scatter(np.random.default_rng(0), 2)
