"""Robocode: battles, waves, features and the gun that learns from them. Knows the loss."""

from kdelab.extras import need

need("gun")
