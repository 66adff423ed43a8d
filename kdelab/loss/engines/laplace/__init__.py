"""The bin-free Laplace loss: O(k) a cluster after one sort, exact."""
