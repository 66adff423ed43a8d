"""The house style of figures. Knows nothing else of the house."""

FIGURE = "kdelab"
"""Key of a figure's display metadata: {"caption": str, "decisive": bool}."""
