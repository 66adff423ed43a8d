"""Guns as Java source: it compiles, says what the gun says, and nobody's names become code."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from made_up_guns import HOSTILE, a_gun, same

import kdelab


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
