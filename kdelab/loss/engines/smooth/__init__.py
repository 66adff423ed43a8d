"""Kernels that are smooth everywhere: few nodes a target, all kernel values from one exponential a point, or none."""
