"""A fitted gun as text, and back without losing a bit."""
