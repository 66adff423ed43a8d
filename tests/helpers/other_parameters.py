"""Other parameters for `make test-all`: at least three sets a notebook, among them another seed and a wide target."""

from typing import Any

SETS: dict[str, list[dict[str, Any]]] = {
    "00-start-here": [{"seed": 5}, {"bandwidth": 0.3, "wave_number": 2}, {"wave_number": 11, "waves": "samples"}],
    "01-the-loss": [
        {"seed": 7, "predictions": 100, "most_bins": 256},
        {"bandwidth": 0.03, "predictions": 100, "most_bins": 256},
        {"target_width": 0.9, "bandwidth": 0.3, "predictions": 100, "most_bins": 256},
    ],
    "02-the-gradient": [
        {"seed": 8, "predictions": 40},
        {"bandwidth": 0.03, "predictions": 40},
        {"target_width": 0.9, "bandwidth": 0.3, "predictions": 40, "waves": "samples"},
    ],
    "03-the-softmax-limit": [
        {"seed": 9, "predictions": 200},
        {"bandwidth": 0.3, "predictions": 200},
        {"neighbours": 5, "predictions": 200, "waves": "samples"},
    ],
    "04-scale-of-the-kernel": [
        {"seed": 11, "predictions": 3},
        {"kernel_name": "Gaussian", "far": 50.0, "bandwidth": 0.03, "predictions": 3},
        {"kernel_name": "Cauchy", "bandwidth": 0.3, "largest": 100, "predictions": 3, "waves": "samples"},
    ],
    "05-near-and-far": [
        {"seed": 12, "predictions": 20, "shapes": 9},
        {"kernel_name": "Gaussian", "bandwidth": 0.02, "predictions": 20, "shapes": 9},
        {
            "kernel_name": "Cauchy",
            "bandwidth": 0.4,
            "neighbours": 12,
            "predictions": 20,
            "farthest": 1e3,
            "waves": "samples",
        },
    ],
    "06-the-laplace-shift": [
        {"seed": 13, "predictions": 40},
        {"bandwidth": 0.02, "nearest": 8.0, "predictions": 40},
        {"bandwidth": 0.3, "nearest": 1.5, "bins": 11, "predictions": 40, "waves": "samples"},
    ],
    "11-shuffled-clusters": [
        {"seed": 7, "predictions": 50, "repeats": 20, "crowd": 2000},
        {"seed": 3, "bandwidth": 0.3, "predictions": 50, "repeats": 20, "crowd": 2000},
        {"neighbours": 50, "waves": "samples", "predictions": 50, "repeats": 20, "crowd": 2000},
    ],
    "12-without-bins": [
        {"seed": 21, "cases": 15, "predictions": 300},
        {"bandwidth": 0.4, "cases": 15, "predictions": 300},
        {"neighbours": 20, "cases": 15, "predictions": 300, "waves": "samples"},
    ],
    "07-surfing-and-targeting": [
        {"seed": 17, "predictions": 20, "trained": "1 - p;CRPS", "trained_on": 100, "judged_on": 100},
        {
            "bandwidth": 0.03,
            "neighbours": 20,
            "predictions": 20,
            "trained": "squared distance",
            "trained_on": 100,
            "judged_on": 100,
        },
        {
            "widen": 3.0,
            "farthest": 16,
            "predictions": 20,
            "waves": "samples",
            "gun_waves": "surfers",
            "trained": "cross-entropy, Cauchy",
            "trained_on": 100,
            "judged_on": 100,
        },
    ],
    "08-hard-cases": [
        {"seed": 18, "counted": 500, "decided_on": "surfers"},
        {"kernel_name": "Gaussian", "bandwidth": 0.05, "counted": 500, "waves": "surfers"},
        {"kernel_name": "Cauchy", "neighbours": 20, "counted": 500},
    ],
    "09-retraining": [{"decided_on": "surfers"}, {"neighbours": 5}, {"neighbours": 20}, {"neighbours": 50}],
    "10-the-per-point-sum": [
        {"seed": 20, "predictions": 50, "settled": 5, "trained": "C1", "trained_on": 100, "judged_on": 100},
        {
            "kernel_name": "Gaussian",
            "bandwidth": 0.15,
            "predictions": 50,
            "settled": 5,
            "trained": "B D",
            "trained_on": 100,
            "judged_on": 100,
        },
        {
            "kernel_name": "Cauchy",
            "widen": 3.0,
            "neighbours": 20,
            "predictions": 50,
            "settled": 5,
            "waves": "samples",
            "gun_waves": "surfers",
            "trained": "A G",
            "trained_on": 100,
            "judged_on": 100,
        },
    ],
    "13-a-gun-that-learns": [
        {"seed": 3, "predictions": 150, "tested": 500, "tested_a_robot": 50, "folds": 2, "unseen_seeds": 1},
        {"bandwidth": 0.3, "shrinkage": 0.0, "predictions": 150, "tested": 500, "unseen_seeds": 1, "rivals": False},
        {"waves": "surfers", "neighbours": 30, "predictions": 150, "tested": 500, "unseen_seeds": 1, "peers": False},
    ],
    "14-where-it-comes-to-rest": [
        {"seed": 24, "predictions": 10, "trained_on": 50, "judged_on": 50},
        {"kernel_name": "Gaussian", "predictions": 10, "trained_on": 50, "judged_on": 50, "bandwidths": "0.05 0.1"},
        {
            "kernel_name": "Cauchy",
            "widen": 5.0,
            "bandwidth": 0.05,
            "predictions": 10,
            "waves": "samples",
            "trained_on": 50,
            "judged_on": 50,
            "bandwidths": "0.1 0.2",
        },
    ],
}
