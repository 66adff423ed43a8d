"""The loss: kernels, clusters, quadrature, the slow reference and the fast engines. Knows NumPy, SciPy and numba."""
