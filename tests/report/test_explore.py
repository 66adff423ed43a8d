"""The explorer in Python: it shows the very arguments asked for, its numbers are the library's, and it is quiet."""

import os
from pathlib import Path

import numpy as np
import pytest
from traitlets import TraitError

import kdelab
from kdelab.loss.kernels import every
from kdelab.report.explorer.module import EXAMPLE, MIME


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.__name__)
def test_shows_the_very_arguments_asked_for_of_every_kernel(kind):
    kernel = kind(0.6, 0.7) if kind is kdelab.GeneralizedNormal else kind(0.7)
    points, logits, target = [-0.4, 0.0, 0.3], [0.5, 0.0, -0.5], (-0.1, 0.2)
    explorer = kdelab.explore(points, logits, target, kernel)
    shape = getattr(kernel, "shape", 1.0)
    asked = {"points": points, "logits": logits, "target": list(target)}
    assert explorer.state == {**asked, "kernel": kind.__name__, "bandwidth": 0.7, "shape": shape}
    assert explorer.value == pytest.approx(kdelab.reference.loss(points, logits, *target, kernel), abs=1e-8)
    assert explorer.gradient == pytest.approx(kdelab.reference.gradient(points, logits, *target, kernel), abs=1e-8)


def test_shows_an_example_when_nothing_is_asked_for():
    assert kdelab.explore().state == EXAMPLE
    assert kdelab.explore(EXAMPLE["points"][:2]).logits == [0.0, 0.0]


def test_follows_what_the_browser_changes():
    explorer = kdelab.explore()
    before = explorer.value
    explorer.set_state({"points": [0.1, 0.2], "logits": [0.0, 1.0], "kernel": "GeneralizedNormal", "shape": 2.0})
    kernel = kdelab.GeneralizedNormal(2.0, 0.1)
    assert explorer.value == pytest.approx(kdelab.reference.loss([0.1, 0.2], [0.0, 1.0], -0.15, 0.15, kernel))
    assert explorer.value != before


@pytest.mark.parametrize(("name", "value"), [("kernel", "Laplase"), ("bandwidth", -1.0), ("shape", 0.0)])
def test_refuses_what_is_set_later_too(name, value):
    with pytest.raises(TraitError, match=f"(?s){name}.*{'Laplace' if name == 'kernel' else ''}"):
        setattr(kdelab.explore(), name, value)


def test_a_page_gets_its_state_and_jupyterlab_its_widget():
    explorer = kdelab.explore(points=[0.1, 0.2])
    data, _ = explorer._repr_mimebundle_()
    assert data[MIME] == explorer.state
    assert "application/vnd.jupyter.widget-view+json" in data


def test_out_of_reach_is_infinite():
    explorer = kdelab.explore(points=[0.0, 0.1], target=(0.5, 0.9), kernel=kdelab.Epanechnikov(0.2))
    assert explorer.value == np.inf
    assert (explorer.gradient == 0).all()


def test_one_place_one_point():
    explorer = kdelab.explore(points=[0.3], target=(0.0, 0.0))
    assert explorer.value == pytest.approx(kdelab.reference.loss([0.3], [0.0], 0.0, 0.0, kdelab.Laplace(0.1)))
    assert explorer.gradient == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"points": []}, "points"),
        ({"points": np.zeros(21)}, "points"),
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


def test_a_kernel_of_ones_own_is_refused_and_not_shown_as_another():
    class Mine(kdelab.Laplace):
        """Named as no kernel that the explorer knows."""

    with pytest.raises(ValueError, match=r"^kernel must be one of"):
        kdelab.explore(kernel=Mine(0.1))


def test_a_fresh_kernel_shows_it_without_a_word(tmp_path):
    """As in JupyterLab, where somebody could be asked for input, and with nothing compiled yet."""
    from jupyter_client.manager import start_new_kernel

    root = str(Path(kdelab.__file__).parents[1])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": root}
    manager, client = start_new_kernel(cwd=tmp_path, env=environment)
    told = []
    try:
        shown = "import kdelab\nkdelab.explore()"
        client.execute_interactive(shown, output_hook=told.append, allow_stdin=True, timeout=300)
    finally:
        manager.shutdown_kernel(now=True)
    assert [message["content"] for message in told if message["msg_type"] in ("stream", "error")] == []
    assert any(MIME in message["content"].get("data", {}) for message in told)
