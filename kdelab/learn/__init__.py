"""Learned feature weights: who may remember whom, distances, and the fit. Knows the loss, and no battles."""
