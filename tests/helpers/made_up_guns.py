"""Guns with weights that nothing else has, some with a stranger's names of features."""

import json
from typing import Any

import numpy as np
from made_up_waves import learnable

import kdelab
from kdelab.gun.waves.features import FEATURES

WAVES = learnable(waves=60)
HOSTILE = [
    'quote"; static { System.exit(3); } //',
    "back\\slash\\",
    "new\nline",
    "return\rand\r\nboth",
    "\\u000a static { System.exit(3); } //",
    "\\\\u000a static { System.exit(3); } //",
    "\\u0022}; static { System.exit(3); } //",
    "\\",
    "\\é\\u0022",
    "*/ static { System.exit(3); } /*",
    "/** javadoc */",
    "TRANSFORM = {{9.0, 9.0, 9.0},\n    };",
    "DISTANCE_SCALE = -9.0;",
    "{9.0, 9.0, 9.0}, // x",
    "// kdelab: {}",
    "\n// kdelab: {}\n",
    "tab\tnull\0bell\x07delete\x7f1",
    "separators\u2028\u2029\x85\x0b\x0c\x1c",
    "ä € \U0001f3af \ud800",
    "\\u",
    "\\uXYZW",
    "{0} {name} %s $1 ${x}",
    "",
    " ",
]


def a_gun(features: list[str] | None = None, **more: Any) -> kdelab.NeighbourModel:
    """A gun with weights that nothing else has, of features with such names."""
    rng = np.random.default_rng(5)
    gun = kdelab.NeighbourModel(features=None if features is None else FEATURES[: len(features)], **more).unlearned(
        WAVES
    )
    n = gun.n_features_in_
    gun.weights_, gun.exponents_, gun.offsets_ = rng.uniform(0, 2, n), rng.uniform(0.3, 3, n), rng.uniform(0, 1, n)
    gun.scale_ = 1 / 3
    if features is None:
        return gun
    data = json.loads(gun.to_json())
    data["settings"]["features"] = features  # pandas has no columns of some of these names; a file may
    data["features"] = [row | {"name": name} for row, name in zip(data["features"], features, strict=True)]
    return kdelab.NeighbourModel.from_json(json.dumps(data))


def same(one: kdelab.NeighbourModel, other: kdelab.NeighbourModel) -> None:
    assert (one.scale_, one.ranges_, one.kernel) == (other.scale_, other.ranges_, other.kernel)
    assert list(one.ranges_) == list(other.ranges_)
    for name in ("weights_", "exponents_", "offsets_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("form", "neighbours", "share", "background", "aim"):
        assert getattr(one, name) == getattr(other, name)
