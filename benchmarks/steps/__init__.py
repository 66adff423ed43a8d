"""One step of training in PyTorch and in JAX: the exact loss against autodiff through bins."""
