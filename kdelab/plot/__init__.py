"""The house style of figures. Knows nothing else of the house."""

from kdelab.extras import need

need("notebooks")

FIGURE = "kdelab"
"""Key of a figure's display metadata: {"caption": str, "decisive": bool}."""

SHARED = "application/vnd.kdelab.figure+json"
"""MIME type of what pages offer beside a figure's picture: {"narrow", "width", "height", "svg", "csv"}."""
