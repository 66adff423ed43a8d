"""Other parameters for `make test-all`: at least three sets a notebook, among them another seed and a wide target."""

from typing import Any

SETS: dict[str, list[dict[str, Any]]] = {
    "01-the-loss": [
        {"seed": 7, "predictions": 100, "most_bins": 256},
        {"bandwidth": 0.03, "predictions": 100, "most_bins": 256},
        {"target_width": 0.9, "bandwidth": 0.3, "predictions": 100, "most_bins": 256},
    ],
}
