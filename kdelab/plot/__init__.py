"""The house style of figures. Knows nothing else of the house."""

from kdelab.extras import need

need("notebooks")

FIGURE = "kdelab"
"""Key of a figure's display metadata: {"caption": str, "decisive": bool}."""
