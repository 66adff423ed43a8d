"""Robocode battles, recorded turn by turn. Knows nothing of waves."""
