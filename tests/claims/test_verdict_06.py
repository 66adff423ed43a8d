"""Notebook 06 under wrong libraries: the sentence "made true", a tail a little too light, a gradient a little short."""

from dataclasses import replace

import pytest
from sabotage import assert_caught, prepared_with, scaled_bandwidth, scaled_gradient, slow_but_first

import kdelab

pytestmark = pytest.mark.xdist_group("06")

SMALL = {"predictions": 20, "neighbours": 8}


def at_the_centre(clusters, kernel, _):
    """Only the centre of a target counts: then Xor's sentence is true as said."""
    centre = (clusters.lower + clusters.upper) / 2
    return kdelab.Clusters(clusters.points, clusters.offsets, centre, centre), kernel


def lighter_tail(clusters, kernel, _):
    if isinstance(kernel, kdelab.Laplace):
        return clusters, kdelab.GeneralizedNormal(1.02, kernel.bandwidth)
    return clusters, replace(kernel)


@pytest.mark.parametrize(
    ("check", "wrong"),
    slow_but_first(
        [
            ("a target 0.05 h wide, to the centre: change, measured over predicted", scaled_gradient(0.97)),
            ("two points, an interval of 3 h, to the centre: largest change", prepared_with(at_the_centre)),
            ("bin, to centre: largest change, recorded clusters", prepared_with(lighter_tail)),
            ("a target 0.05 h wide, to the centre: change, measured over predicted", scaled_gradient(-1)),
            ("a target 0.05 h wide, to the centre: change, measured over predicted", scaled_bandwidth(1.05)),
        ]
    ),
    ids=[
        "3 % short",
        "only the centre",
        "tail 2 % lighter",
        "sign flipped",
        "5 % too wide",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(check, wrong):
    assert_caught("06-the-laplace-shift.ipynb", "laplace-shift", check, wrong, **SMALL)
