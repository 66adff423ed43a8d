"""Robocode: battles, waves, features and the gun that learns from them. Knows the loss."""
