"""The explorer: its numbers are the library's, for whatever it is asked, and a moved slider redraws only what moves."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import kdelab


def pixels(explorer):
    return np.asarray(Image.open(BytesIO(explorer._picture.value)))


@pytest.mark.parametrize(
    "kernel",
    [
        kdelab.Laplace(0.2),
        kdelab.Gaussian(0.1),
        kdelab.Cauchy(0.3),
        kdelab.GeneralizedNormal(0.6, 0.2),
        kdelab.Box(1.0),
    ],
    ids=repr,
)
def test_shows_the_loss_and_the_gradient_of_the_reference(kernel):
    points, logits, target = [-0.4, 0.0, 0.3], [0.5, 0.0, -0.5], (-0.1, 0.2)
    explorer = kdelab.explore(points, logits, target, kernel)
    assert explorer.value == pytest.approx(kdelab.reference.loss(points, logits, *target, kernel), abs=1e-8)
    assert explorer.gradient == pytest.approx(kdelab.reference.gradient(points, logits, *target, kernel), abs=1e-8)
    assert f"{explorer.gradient[0] + 0.0:+.4f}" in explorer._numbers.value


def test_every_control_changes_picture_and_numbers():
    explorer = kdelab.explore(kernel=kdelab.GeneralizedNormal(1.2, 0.1))
    moves = {
        explorer.points[1]: -0.2, explorer.logits[0]: 2.0, explorer.centre: 0.3, explorer.width: 0.5,
        explorer.shape: 2.0, explorer.bandwidth: 0.3, explorer.kernel: "Cauchy",
    }  # fmt: skip
    for control, value in moves.items():
        before, numbers = pixels(explorer), explorer._numbers.value
        control.value = value
        assert (pixels(explorer) != before).any(), control.description
        assert explorer._numbers.value != numbers, control.description


def test_the_picture_is_the_same_whatever_was_shown_before():
    """The stored background is not drawn over by what has moved away."""
    wandered, fresh = kdelab.explore(), kdelab.explore()
    for centre in (0.8, -0.7, 0.4):
        wandered.centre.value = centre
    wandered.bandwidth.value = 0.02
    wandered.bandwidth.value, wandered.centre.value = fresh.bandwidth.value, fresh.centre.value
    assert (pixels(wandered) == pixels(fresh)).all()


def test_out_of_reach_is_said_in_words():
    explorer = kdelab.explore(points=[0.0, 0.1], target=(0.5, 0.9), kernel=kdelab.Epanechnikov(0.2))
    assert explorer.value == np.inf
    assert "infinite" in explorer._numbers.value
    assert (explorer.gradient == 0).all()


def test_one_bin_one_point():
    explorer = kdelab.explore(points=[0.3], target=(0.0, 0.0))
    assert explorer.value == pytest.approx(kdelab.reference.loss([0.3], [0.0], 0.0, 0.0, kdelab.Laplace(0.1)))
    assert explorer.gradient == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"points": []}, "points"),
        ({"points": np.zeros(9)}, "points"),
        ({"points": [0.0, np.nan]}, "points"),
        ({"points": [0.0, 0.1], "logits": [0.0]}, "logits"),
        ({"target": (0.2, 0.1)}, "target"),
        ({"target": (0.2,)}, "target"),
        ({"target": 0.2}, "target"),
        ({"target": ("0.1", "0.2")}, "target"),
        ({"target": (-1.7e308, 1.7e308)}, "target"),
        ({"points": [1.7e308]}, "points"),
        ({"kernel": "Laplace"}, "kernel"),
    ],
)
def test_refuses(arguments, named):
    with pytest.raises(ValueError, match=named):
        kdelab.explore(**arguments)


FAR = (-0.05, 0.1, 0.3)
SIDES = (-0.15, 0.15)


@pytest.mark.parametrize(
    ("arguments", "loss"),
    [
        ({"kernel": kdelab.Laplace(0.001)}, 34.4646),
        ({"kernel": kdelab.Laplace(20)}, 3.69706),
        ({"kernel": kdelab.Laplace(3.3e-5)}, 1190.9676),
        ({"kernel": kdelab.Cauchy(1e9)}, 21.868),
        ({"kernel": kdelab.GeneralizedNormal(0.2, 0.1)}, 4.19384),
        ({"kernel": kdelab.GeneralizedNormal(8, 0.1)}, -0.634212),
        ({"kernel": kdelab.GeneralizedNormal(50, 0.1)}, None),
        ({"logits": (0, 20, -30)}, -0.526105),
        ({"logits": (0, 8.01, 1e5)}, None),
        ({"target": (0.1, 0.3)}, None),
        ({"target": (0.7, 0.9), "points": (0.2, 0.8), "kernel": kdelab.Box(0.1)}, None),
        ({"target": (-5.0, 1e6)}, None),
        ({"points": (1e6, 0.0)}, None),
    ],
    ids=repr,
)
def test_shows_the_loss_of_the_very_arguments_asked_for(arguments, loss):
    """Literals from mpmath; beside them, to the last digit, what the library says of the same arguments."""
    asked = {"points": FAR, "target": SIDES, "kernel": kdelab.Laplace(0.1)} | arguments
    explorer = kdelab.explore(**asked)
    clusters = kdelab.Clusters.from_lists([asked["points"]], *([end] for end in asked["target"]))
    logits = asked.get("logits", np.zeros(len(asked["points"])))
    values, gradient = kdelab.CrossEntropy(clusters, asked["kernel"]).value_and_grad(logits)
    assert explorer.value == values[0]
    assert explorer.gradient.tolist() == gradient.tolist()
    assert loss is None or explorer.value == pytest.approx(loss, rel=1e-5)


def test_a_moved_slider_draws_nothing_anew_but_what_moves(monkeypatch):
    """What keeps a redraw fast: no figure and no axes are drawn again while the density's axis can stay as it is."""
    explorer = kdelab.explore(points=np.linspace(-0.8, 0.8, 6), kernel=kdelab.Gaussian(0.1))
    drawn, canvas = [], explorer._canvas
    monkeypatch.setattr(canvas._agg, "draw", lambda: drawn.append("figure"))
    for axes in (canvas._density, canvas._arrows, canvas._shares):
        draw = axes.draw_artist
        monkeypatch.setattr(axes, "draw_artist", lambda artist, draw=draw: (drawn.append("artist"), draw(artist)))
    for step in range(5):
        explorer.centre.value = 0.05 * step + 0.02
    assert drawn.count("figure") == 0
    artists = sum(len(artists) for artists in canvas._lines.values())
    assert drawn.count("artist") == 5 * (artists + 6)  # and a polygon for each point's share


def test_a_kernel_of_ones_own_is_refused_and_not_shown_as_another():
    class Mine(kdelab.Laplace):
        """Named as no kernel that the explorer knows."""

    with pytest.raises(ValueError, match=r"^kernel must be one of"):
        kdelab.explore(kernel=Mine(0.1))
