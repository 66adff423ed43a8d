"""Densities of y given x: the regressor against its rivals."""
