"""What doesn't fit is a ValueError that names the argument."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import padded_cases
import pytest

import kdelab
from kdelab.jax import cross_entropy

CASE = padded_cases.near(n=3, k=4)
GOOD = {**CASE._asdict(), "kernel": kdelab.Laplace(0.1), "bandwidth": np.full(3, 0.1)}
FLAT = {name: CASE.flat(GOOD[name]) for name in ("logits", "points", "lower", "upper")}
RAGGED = {**FLAT, "kernel": GOOD["kernel"], "offsets": CASE.clusters.offsets}


def spoiled(name, value, at=0):
    array = np.array(GOOD[name])
    array[at] = value
    return array


SHAPES = [
    ("logits", np.zeros((3, 5)), "points"),
    ("points", np.zeros((3, 5)), "points"),
    ("points", np.zeros(4), "points"),
    ("lower", np.zeros(4), "lower"),
    ("upper", np.zeros((3, 1)), "upper"),
    ("mask", np.ones((3, 5), bool), "mask"),
    ("mask", np.ones((3, 4)), "mask"),
    ("bandwidth", np.full(2, 0.1), "bandwidth"),
    ("logits", np.zeros((3, 4), int), "logits"),
    ("logits", np.zeros((3, 4), complex), "logits"),
    ("points", np.zeros((3, 4), np.float16), "points"),
    ("lower", np.zeros(3, int), "lower"),
    ("logits", "text", "logits"),
    ("logits", 1.0, "logits"),
    ("logits", np.zeros((3, 0)), "logits"),
    ("kernel", "Laplace", "kernel"),
    ("background", 1.0, "background"),
    ("background", np.nan, "background"),
    ("reduction", "average", "reduction"),
    ("panels", 0, "panels"),
    ("panels", 2.5, "panels"),
]
NUMBERS = [
    ("logits", spoiled("logits", np.nan, (1, 1)), "logits"),
    ("points", spoiled("points", np.inf, (1, 1)), "points"),
    ("lower", spoiled("lower", 9.0), "lower"),
    ("lower", spoiled("lower", np.nan), "lower"),
    ("upper", spoiled("upper", np.inf), "upper"),
    ("bandwidth", spoiled("bandwidth", 0.0), "bandwidth"),
    ("bandwidth", np.nan, "bandwidth"),
    ("mask", spoiled("mask", False, 1), "mask"),
]


@pytest.mark.parametrize(("name", "value", "named"), SHAPES + NUMBERS)
def test_what_doesn_t_fit_is_named(name, value, named):
    with pytest.raises(ValueError, match=rf"^{named} "):
        cross_entropy(**{**GOOD, name: value})


@pytest.mark.parametrize(("name", "value", "named"), [one for one in SHAPES if isinstance(one[1], np.ndarray)])
def test_what_doesn_t_fit_is_named_where_jax_traces(name, value, named):
    rest = {key: one for key, one in GOOD.items() if key != name}
    with pytest.raises(ValueError, match=rf"^{named} "):
        jax.jit(lambda value: cross_entropy(**rest, **{name: value}))(value)


@pytest.mark.parametrize(("name", "value", "named"), [one for one in NUMBERS if one[0] != "logits"])
def test_numbers_are_looked_at_while_others_are_traced(name, value, named):
    rest = {**GOOD, name: value}
    logits = rest.pop("logits")
    with pytest.raises(ValueError, match=rf"^{named} "):
        jax.grad(lambda z: cross_entropy(z, **rest).sum())(logits)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("offsets", [0, 4, 8], "offsets"),
        ("offsets", [0, 0, 3, 10], "offsets"),
        ("offsets", [0.5, 4.0, 10.0], "offsets"),
        ("lower", np.zeros(2), "lower"),
        ("mask", np.ones(10, bool), "mask"),
    ],
)
def test_ragged_ones_that_don_t_fit_are_named(name, value, named):
    assert cross_entropy(**RAGGED).shape == (3,)
    with pytest.raises(ValueError, match=rf"^{named} "):
        cross_entropy(**{**RAGGED, name: value})


def test_offsets_can_t_be_traced():
    rest = {name: one for name, one in RAGGED.items() if name != "offsets"}
    with pytest.raises(ValueError, match=r"^offsets must be known when JAX traces"):
        jax.jit(lambda offsets: cross_entropy(**rest, offsets=offsets))(jnp.asarray(RAGGED["offsets"]))


def test_clusters_bring_their_targets():
    with pytest.raises(ValueError, match=r"^lower must be None where points are Clusters"):
        cross_entropy(FLAT["logits"], CASE.clusters, CASE.lower, None, GOOD["kernel"])


def test_numbers_of_python_s_are_floats_and_types_are_those_in_common():
    assert cross_entropy(**{**GOOD, "bandwidth": 0.1}).dtype == np.float64
    single = {name: np.asarray(GOOD[name], np.float32) for name in ("logits", "points", "lower", "upper")}
    assert cross_entropy(**{**GOOD, **single, "bandwidth": np.float32(0.1)}).dtype == np.float32
    assert cross_entropy(**{**GOOD, **single}).dtype == np.float64


def test_devices_that_are_mixed_are_named():
    script = """
import jax, numpy as np, kdelab
one, other = jax.devices()
logits, points = jax.device_put(np.zeros((1, 2)), one), jax.device_put(np.ones((1, 2)), other)
try:
    kdelab.jax.cross_entropy(logits, points, np.zeros(1), np.ones(1), kdelab.Laplace(0.1))
except ValueError as error:
    print(error)
"""
    several = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    run = subprocess.run([sys.executable, "-c", script], env=several, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("points must be on ")
