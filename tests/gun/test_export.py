"""Guns as JSON, some of them a stranger's: the same gun comes back, and every entry is checked."""

import json
from typing import Any

import numpy as np
import pytest
from made_up_guns import HOSTILE, a_gun, same

import kdelab
from kdelab.learn.distance import Parameters


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_of_a_feature_comes_back_from_both(name: str) -> None:
    gun = a_gun([name, "power", name + "'"])
    for back in (
        kdelab.NeighbourModel.from_json(gun.to_json()),
        kdelab.NeighbourModel.from_java(gun.to_java("my.bot.Weights")),
        kdelab.NeighbourModel.from_java(gun.to_java().replace("\n", "\r\n")),
    ):
        same(back, gun)
        assert back.features == gun.features


def edited(text: str, path: list[Any], value: Any) -> str:
    data = json.loads(text)
    node = data
    for key in path[:-1]:
        node = node[key]
    if value is KeyError:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return json.dumps(data)


NO_NUMBER = [None, True, "1.0", [], {}, float("nan"), float("inf"), -float("inf"), 10**400]
EDITS = [
    *(((["features", 3, key]), value) for key in ("low", "high", "w", "b", "a") for value in (*NO_NUMBER, KeyError)),
    *(((["features", 3, key]), -0.5) for key in ("w", "b", "a")),
    (["features", 3, "a"], 1e308),
    *(((["features", 0, key]), value) for key, value in (("low", 1000.0), ("low", 2e3), ("high", 0.0), ("high", -1.0))),
    (["features", 0], {"name": "distance"}),
    (["features", 0, "more"], 1),
    *((["features", 2, "name"], name) for name in (None, 3, "power", "other", ["power"], "", KeyError)),
    *((["features"], value) for value in ([], {}, None, "w", 3, KeyError)),
    *((["scale"], value) for value in (*NO_NUMBER, 0, -1.0, 1e308, KeyError)),
    *((["settings", "background"], value) for value in (*NO_NUMBER, 1.0, -0.1, KeyError)),
    *((["settings", "neighbours"], v) for v in (*NO_NUMBER, 0, -1, 1.5, 100.0, 2**31, 10**30, KeyError)),
    *((["settings", "share"], v) for v in (*NO_NUMBER, 0, -1, 1.5, 2**31, KeyError)),
    *((["settings", "within_round"], v) for v in (None, 0, 1, "true", [], KeyError)),
    *((["settings", "form"], v) for v in (None, "cubic", 3, ["linear"], KeyError)),
    *((["settings", "aim"], v) for v in (None, "high", 3, ["density"], KeyError)),
    *((["settings", "features"], v) for v in ("power", ["power"], [], 3, [1, 2], {"power": 1}, KeyError)),
    *((["settings", "kernel"], v) for v in (None, "Laplace", 3, {}, {"name": "Laplace"}, ["Laplace", 0.1], KeyError)),
    *(
        (["settings", "kernel", "name"], v)
        for v in ("Kernel", "np", "math", "dataclass", "ABC", "laplace", None, 3, [], "")
    ),
    *((["settings", "kernel", "bandwidth"], v) for v in (*NO_NUMBER, 0, -1, KeyError)),
    (["settings", "kernel", "shape"], 1.0),
    *((["settings", key], "x") for key in ("loss", "random_state", "__class__", "progress")),
    (["settings"], None),
    (["settings"], [["kernel", 1]]),
    *((["format"], v) for v in (None, 3, "kdelab.NeighbourModel/2", "kdelab.Other", KeyError, [])),
    *((["schema"], v) for v in (0, 1, 2, 4, "3", None, KeyError, [])),
    (["more"], 1),
]


@pytest.mark.parametrize(("path", "value"), EDITS, ids=lambda given: repr(given)[:40])
def test_json_of_strangers_is_checked_to_the_last_entry(path: list[Any], value: Any) -> None:
    text = edited(a_gun(background=0.1).to_json(), path, value)
    with pytest.raises(ValueError, match=r"text is not a gun that to_json wrote|must|allowed|features"):
        kdelab.NeighbourModel.from_json(text)


def test_text_that_is_no_gun() -> None:
    text = a_gun().to_json()
    for other in (
        *("", "{", "[]", "null", "3", '"x"', "[" * 100000, '{"a":' * 100000, text[:-2], text + "x", "NaN"),
        *(None, 3, b"{}", text.encode(), {}, ["x"]),
        text.replace('"scale"', '"scale": 1, "scale"'),
        text.replace('"share"', '"share": 5, "share"'),
        text.replace('"w"', '"w": 1.0, "w"', 1),
        text.replace('"scale": 0', '"scale": 1e999, "x": 0'),
        text.replace('"share": 5', '"share": ' + "5" * 5000),
        text.replace('"features": [', '"features": [[], ', 1),
    ):
        assert other != text
        with pytest.raises(ValueError, match="text is not a gun that to_json wrote"):
            kdelab.NeighbourModel.from_json(other)


def test_guns_that_cannot_be_written_are_refused() -> None:
    class Mine(kdelab.Laplace):
        pass

    for name, value, message in (
        ("kernel", Mine(0.1), "none of kdelab's"),
        ("weights_", np.ones(13), "there are 14 features, and weights for 13"),
        ("weights_", np.full(14, np.nan), "w must be finite"),
        ("offsets_", -np.ones(14), "b must be finite and at least 0"),
        ("exponents_", np.full(14, np.inf), "a must be finite"),
        ("scale_", -1.0, "scale must be finite and greater than 0"),
        ("features", ["power"], "its settings name power"),
        ("ranges_", {**a_gun().ranges_, "power": (3.0, 0.1)}, "the range of power is 3 to 0.1"),
        ("weights_", np.full(14, 1e308), "distances are not finite"),
        ("ranges_", {**a_gun().ranges_, "power": (-1e308, 1e308)}, "the range of power is -1e.308 to 1e.308"),
        ("ranges_", {**a_gun().ranges_, "power": (np.nan, 0.1)}, "the range of power is nan to 0.1"),
    ):
        gun = a_gun()
        setattr(gun, name, value)
        for write in (gun.to_json, gun.to_java):
            with pytest.raises(ValueError, match=message):
                write()


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    gun = a_gun(neighbours=np.int64(30), share=np.int32(4), background=np.float32(0.25))
    gun.scale_ = np.float64(0.5)
    data = json.loads(gun.to_json())
    assert (data["settings"]["neighbours"], data["settings"]["share"], data["settings"]["background"]) == (30, 4, 0.25)
    same(kdelab.NeighbourModel.from_java(gun.to_java()), gun)


def test_schemas_of_json() -> None:
    gun = a_gun(background=0.1)
    data = json.loads(gun.to_json())
    assert (data["format"], data["schema"]) == ("kdelab.NeighbourModel", 3)
    first = {key: data[key] for key in ("settings", "scale", "features")}
    del first["settings"]["within_round"]
    for old in ({"format": "kdelab.NeighbourModel/1"}, {"format": "kdelab.NeighbourModel", "schema": 2}):
        same(kdelab.NeighbourModel.from_json(json.dumps(old | first)), gun)
    with pytest.raises(ValueError, match="its schema is 4, this kdelab reads 1 to 3; it takes a newer kdelab"):
        kdelab.NeighbourModel.from_json(json.dumps(data | {"schema": 4}))


@pytest.mark.parametrize("within_round", [False, True, np.True_])
def test_what_a_gun_remembers_comes_back_from_both(within_round: bool) -> None:
    gun = a_gun().set_params(within_round=within_round)
    backs = kdelab.NeighbourModel.from_json(gun.to_json()), kdelab.NeighbourModel.from_java(gun.to_java())
    assert [back.within_round for back in backs] == [bool(within_round)] * 2
    with pytest.raises(ValueError, match="within_round must be True or False, not 'no'"):
        gun.set_params(within_round="no").to_json()


def test_what_was_exported_before_there_were_schemas_is_read() -> None:
    """Written down by hand from the first release's format."""
    row = '{{"name": "{}", "low": {}, "high": {}, "w": {}, "b": 0.5, "a": 1.25}}'
    text = (
        '{"format": "kdelab.NeighbourModel/1", "settings": {"kernel": {"name": "Cauchy", "bandwidth": 0.2}, "form": '
        '"power", "neighbours": 20, "share": 4, "features": ["speed", "mine"], "background": 0.0, "aim": "density"}, '
        f'"scale": 3.5, "features": [{row.format("speed", 0.0, 8.0, 1.5)}, {row.format("mine", -2, 7, 0.5)}]}}'
    )
    gun = kdelab.NeighbourModel.from_json(text)
    assert gun.kernel == kdelab.Cauchy(0.2)
    assert gun.ranges_ == {"speed": (0.0, 8.0), "mine": (-2.0, 7.0)}
    assert (gun.neighbours, gun.share, gun.form, gun.scale_) == (20, 4, "power", 3.5)
    assert gun.weights_.tolist() == [1.5, 0.5]
    moved = Parameters(gun.weights_, gun.exponents_, gun.offsets_).transformed(np.array([[0.3, 0.4]]))
    np.testing.assert_allclose(moved, [[0.8001**1.25, 0.9001**1.25]], rtol=1e-15)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["format"], KeyError, "it holds no format 'kdelab.NeighbourModel'"),
        (["schema"], KeyError, "its schema is None, this kdelab reads 1 to 3"),
        (["settings", "kernel", "name"], KeyError, "there is no kernel None"),
        (["settings", "kernel", "name"], "Kernel", "there is no kernel 'Kernel'"),
        (["settings", "kernel", "bandwidth"], KeyError, "kernel Laplace: needed are name, bandwidth"),
    ],
)
def test_what_a_gun_lacks_is_named(path: list[Any], value: Any, message: str) -> None:
    text = a_gun(kernel=kdelab.Laplace(0.1)).to_json()
    with pytest.raises(ValueError, match=message):
        kdelab.NeighbourModel.from_json(edited(text, path, value))
    with pytest.raises(ValueError, match="it holds no format"):
        kdelab.NeighbourModel.from_json("[]")
