"""Guns as JSON and Java, some of them a stranger's: the same gun comes back, and nobody's names become code."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.waves.features import FEATURES
from kdelab.learn.distance import Parameters

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


def test_plain_names_stand_in_java_as_they_are() -> None:
    name = "".join(chr(unit) for unit in range(32, 127) if chr(unit) not in '"\\')
    assert f' FEATURES = {{"{name}", "power"}};\n' in a_gun([name, "power"]).to_java()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_can_end_its_literal_or_comment(name: str) -> None:
    """By Java's own rules, in their order: characters by number first, then lines, then quotes."""
    source = a_gun([name, "power"]).to_java()
    plain = a_gun(["safe", "power"]).to_java()
    assert source.isascii()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", source.replace("\x7f", "") if "\x7f" in name else source)

    def numbered(text: str) -> str:
        return re.sub(
            r"(?<!\\)((?:\\\\)*)\\u+([0-9a-fA-F]{4})", lambda found: found.group(1) + chr(int(found.group(2), 16)), text
        )

    def code(text: str) -> list[str]:
        lines = re.split("\r\n|\r|\n", numbered(text))
        return [re.sub(r"//.*", "//", re.sub(r'"(\\.|[^"\\])*"', '""', line)) for line in lines]

    def seen(text: str) -> list[str]:  # a comment may hold quotes, so it goes first where it starts the line
        return code("\n".join(line if not line.startswith("//") else "//" for line in text.split("\n")))

    assert len(re.split("\r\n|\r|\n", numbered(source))) == len(plain.split("\n"))
    numbers = re.compile(r"[-0-9.e]{3,}")
    assert [numbers.sub("#", line) for line in seen(source)] == [numbers.sub("#", line) for line in seen(plain)]


WORDS = """abstract assert boolean break byte case catch char class const continue default do double else enum extends
final finally float for goto if implements import instanceof int interface long native new package private protected
public return short static strictfp super switch synchronized this throw throws transient try void volatile while
true false null _""".split()  # noqa: SIM905


def test_names_of_classes() -> None:
    gun = a_gun()
    for word in WORDS:
        for name in (word, f"my.{word}", f"{word}.Weights", f"my.{word}.Weights"):
            with pytest.raises(ValueError, match=re.escape(f"name: {name!r} given, but Java")):
                gun.to_java(name)
    for name in ("var", "record", "yield", "sealed", "permits", "my.record", "String", "my.Math"):
        with pytest.raises(ValueError, match="given, but Java lets nothing"):
            gun.to_java(name)
    for name in ("java.Weights", "java.lang.Weights"):
        with pytest.raises(ValueError, match="the package java is Java's own"):
            gun.to_java(name)
    for name in (
        *(
            "",
            ".",
            "a.",
            ".A",
            "a..B",
            "9A",
            "a.9",
            "A B",
            "A\n",
            "A;",
            "A{}",
            "Größe",
            "A-B",
            "a/B",
            " A",
            "A ",
            "A\\u0041",
        ),
        *("A { static { } } class B", "A/**/", "A<T>", "A extends B"),
    ):
        with pytest.raises(ValueError, match="a Java class needs"):
            gun.to_java(name)
    for name in (None, 3, b"A", ["A"]):
        with pytest.raises(ValueError, match="must be text"):
            gun.to_java(name)
    for name in ("A", "_A", "$A", "A9", "Class", "my.bot.Weights", "record.A", "javax.A"):
        source = gun.to_java(name)
        package, _, last = name.rpartition(".")
        assert f"\npublic final class {last} {{\n" in source
        assert [line for line in source.splitlines() if line.startswith("package")] == [f"package {package};"] * bool(
            package
        )
        same(kdelab.NeighbourModel.from_java(source), gun)


MAIN = """
public class Main {
    public static void main(String[] arguments) throws Exception {
        for (String name : arguments) {
            Class<?> gun = Class.forName(name);
            String[] features = (String[]) gun.getField("FEATURES").get(null);
            StringBuilder line = new StringBuilder();
            for (String feature : features) {
                line.append('/');
                for (char unit : feature.toCharArray()) line.append((int) unit).append(',');
            }
            double[] x = new double[features.length];
            for (int i = 0; i < x.length; i++) x[i] = 0.7 + 1.3 * i;
            for (double place : (double[]) gun.getMethod("position", double[].class).invoke(null, x))
                line.append(' ').append(place);
            line.append(' ').append(gun.getMethod("logit", double.class).invoke(null, 2.5));
            System.out.println(line);
        }
    }
}
"""


@pytest.mark.skipif(shutil.which("javac") is None, reason="needs a JDK")
def test_java_compiles_and_says_what_the_gun_says(tmp_path: Path) -> None:
    guns = {f"my.bot.Hostile{i}": a_gun([name, "power"]) for i, name in enumerate(HOSTILE)}
    guns |= {
        "Weights": a_gun(neighbours=2**31 - 1),
        "$a._b.C9": a_gun(kernel="interval", background=0.1),
        "record.A": a_gun(),
    }
    guns |= {"FEATURES": a_gun(), "position": a_gun(), "Object": a_gun()}
    for name, gun in guns.items():
        path = tmp_path / f"{name.replace('.', '/')}.java"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(gun.to_java(name), encoding="ascii")
    (tmp_path / "Main.java").write_text(MAIN)
    sources = [str(path) for path in tmp_path.rglob("*.java")]
    done = subprocess.run(["javac", "-Xlint:-options", *sources], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = [name for name in guns if name != "Object"]  # which is another's, once it runs
    command = ["java", "-cp", str(tmp_path), "Main", *names]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for name, line in zip(names, lines, strict=True):
        gun = guns[name]
        features, *numbers = line.split(" ")
        units = [list(key.encode("utf-16-le", "surrogatepass")) for key in gun.ranges_]
        expected = [[low + 256 * high for low, high in zip(pair[::2], pair[1::2], strict=True)] for pair in units]
        assert [[int(unit) for unit in part.split(",")[:-1]] for part in features.split("/")[1:]] == expected
        low, high = np.array(list(gun.ranges_.values())).T
        x = np.clip((0.7 + 1.3 * np.arange(len(low)) - low) / (high - low), 0, 1)
        position = gun.weights_ * (1e-4 + gun.offsets_ + x) ** gun.exponents_
        np.testing.assert_allclose([float(number) for number in numbers], [*position, -gun.scale_ * 2.5], rtol=1e-13)


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
    *((["schema"], v) for v in (0, 1, 3, "2", None, KeyError, [])),
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


def test_java_of_strangers_is_checked() -> None:
    source = a_gun().to_java()
    first = re.search(r"\{\n        \{(.*?), ", source).group(1)
    scale = re.search(r"DISTANCE_SCALE = -(.*?);", source).group(1)
    for old, new in (
        *((f"{{{first}, ", f"{{{number}, ") for number in ("NaN", "1e999", "-1.0", "Math.PI", "", "1.0, 1.0")),
        *((f"-{scale};", f"-{number};") for number in ("0", "NaN", "-1.0", "1e999", "x")),
        (f"        {{{first}", f"        // {{{first}"),
        ("TRANSFORM = {", "OTHER = {"),
        ("// kdelab: {", "// kdelab: ["),
        ("// kdelab: ", "// "),
    ):
        assert old in source
        with pytest.raises(
            ValueError, match=r"(source|text) is not a gun that|source: TRANSFORM needs 14 rows of three"
        ):
            kdelab.NeighbourModel.from_java(source.replace(old, new, 1))
    for other in ("", None, 3, source.encode()):
        with pytest.raises(ValueError, match=r"must be text|not a gun that to_java wrote"):
            kdelab.NeighbourModel.from_java(other)
    tuned = kdelab.NeighbourModel.from_java(source.replace(f"{{{first}, ", "{ 1.25,", 1).replace("        {", "\t{"))
    assert tuned.weights_[0] == 1.25


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
    assert (data["format"], data["schema"]) == ("kdelab.NeighbourModel", 2)
    old = {"format": "kdelab.NeighbourModel/1"} | {key: data[key] for key in ("settings", "scale", "features")}
    same(kdelab.NeighbourModel.from_json(json.dumps(old)), gun)
    with pytest.raises(ValueError, match="its schema is 3, this kdelab reads 1 and 2; it takes a newer kdelab"):
        kdelab.NeighbourModel.from_json(json.dumps(data | {"schema": 3}))


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
