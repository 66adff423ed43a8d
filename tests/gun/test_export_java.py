"""Guns as Java source: it compiles, says what the gun says, and nobody's names become code."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_guns import HOSTILE, a_gun, same

import kdelab
from kdelab.learn.metric import Metric


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
    guns |= {"raw.A": a_gun(), "raw.B": a_gun(kernel=kdelab.GeneralizedNormal(1.5, 0.2), features=HOSTILE[:14])}
    for name, gun in guns.items():
        path = tmp_path / f"{name.replace('.', '/')}.java"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(gun.to_java(name, "raw" if name.startswith("raw.") else "scaled"), encoding="ascii")
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


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)), min_size=2, max_size=2),
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 2), st.floats(0.05, 5)), min_size=2, max_size=2),
)
def test_raw_rows_say_the_same_and_no_power_sees_a_negative(ranges, rows):
    names = ["distance", "power"]
    gun = with_rows(names, [(low, low + span) for low, span in ranges], rows)
    source = gun.to_java(units="raw")
    assert kdelab.NeighbourModel.from_java(source).to_json() == gun.to_json()
    for (low, span), (w, b, a), (raw_w, raw_b, raw_a) in zip(ranges, rows, numbers_of(source), strict=True):
        x = np.linspace(low, low + span, 7)
        assert (raw_b + x > 0).all()
        exact = w * (1e-4 + b + (x - low) / (low + span - low)) ** a
        lost = 1e-15 * max(abs(low), abs(low + span)) / span  # what x itself rounds off, in shares of the span
        slack = a * lost / (1e-4 + b + (x - low) / span) + 1e-12
        assert (abs(raw_w * (raw_b + x) ** raw_a - exact) <= 10 * slack * exact + 1e-300).all()


@given(st.floats(0.05, 5), st.floats(0, 2))
def test_a_raw_row_that_was_changed_is_read_within_rounding(a, b):
    gun = with_rows(["distance", "power"], [(-8.0, 8.0), (0.1, 3.0)], [(1.0, b, a), (1.0, 0.5, 1.0)])
    w, *_ = numbers_of(source := gun.to_java(units="raw"))[0]
    again = kdelab.NeighbourModel.from_java(source.replace(f"{{{w!r}, ", f"{{{2 * w!r}, ", 1))
    np.testing.assert_allclose(again.weights_, [2.0, 1.0], rtol=1e-13)
    np.testing.assert_allclose(again.offsets_, [b, 0.5], rtol=1e-13, atol=1e-15)


def test_where_a_feature_begins_far_from_0_rounding_leaves_raw_rows_above_it():
    gun = with_rows(["distance", "power"], [(1e15, 1e15 + 1), (-1e12, -1e12 + 1)], [(1.0, 0.0, 1.0)] * 2)
    (_, b, _), (_, c, _) = numbers_of(gun.to_java(units="raw"))
    assert b + 1e15 > 0
    assert c - 1e12 > 0


def test_raw_rows_that_no_double_holds_are_refused():
    gun = with_rows(["distance", "power"], [(0.0, 1e-200), (0.0, 1.0)], [(1.0, 0.0, 5.0)] * 2)
    with pytest.raises(ValueError, match=r"units: 'distance' spans 0 to 1e-200, which raw rows cannot hold"):
        gun.to_java(units="raw")
    with pytest.raises(ValueError, match="units: 'pixels' given, allowed are scaled, raw"):
        gun.to_java(units="pixels")


@pytest.mark.parametrize("units", ["scaled", "raw"])
def test_java_holds_all_that_a_density_takes(units):
    source = a_gun(kernel=kdelab.GeneralizedNormal(1.5, 0.2), background=0.25).to_java(units=units)
    for line in (
        f'String UNITS = "{units}";',
        'String KERNEL = "GeneralizedNormal";',
        "double BANDWIDTH = 0.2, SHAPE = 1.5;",
        "double BACKGROUND = 0.25;",
        f"double DISTANCE_SCALE = -{1 / 3!r};",
    ):
        assert f"    public static final {line}\n" in source


def with_rows(names, ranges, rows):
    """A gun with such rows {w, b, a}."""
    w, b, a = np.array(rows).T
    gun = kdelab.NeighbourModel(features=names)
    return gun._keep(Metric(dict(zip(names, ranges, strict=True)), 1.5, w, a, b), [], None)


def numbers_of(source):
    table = source.split("TRANSFORM = {\n")[1].split("    };")[0]
    return [tuple(map(float, row.split(","))) for row in re.findall(r"\{([^{}]*)\}", table)]


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
