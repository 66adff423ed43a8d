"""Sliders for one cluster, and a picture of what its gradient wants."""

from kdelab.extras import need

need("notebooks")
