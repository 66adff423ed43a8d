"""A fitted gun as Java source, and back without losing a bit.

Names may be a stranger's, so none of them can end the literal or comment that it stands in.
"""

import json
import math
import re
from dataclasses import asdict
from typing import Any

import numpy as np

from kdelab.gun.export.java_template import CLASS, HEIGHTS, RAW, SCALED
from kdelab.gun.export.table import checked, from_json, plain, text_of
from kdelab.learn.distance import EPSILON
from kdelab.learn.metric import Metric
from kdelab.loss.kernels import Kernel

UNITS = ("scaled", "raw")

_KEYWORDS = """
abstract assert boolean break byte case catch char class const continue default do double else enum extends false final
finally float for goto if implements import instanceof int interface long native new null package private protected
public return short static strictfp super switch synchronized this throw throws transient true try void volatile while _
"""
_NO_CLASS = "var yield record sealed permits String Math"  # the last two are used inside of the class


def to_java(settings: dict[str, Any], metric: Metric, class_name: str, units: str = "scaled") -> str:
    """Return a Java class of that name, without dependencies: the table {w, b, a} and what to do with it.

    Parameters
    ----------
    settings : dict
    metric : Metric
    class_name : str
        "LearnedWeights", or with its package: "my.bot.LearnedWeights".
    units : "scaled" or "raw"
        Whether the table takes features scaled to [0, 1], as w (1e-4 + b + x)^a, or in their own units, as BeepBoop's
        does: w (b + x)^a, where b + x is greater than 0 for every x of the feature's range.

    Raises
    ------
    ValueError
        If Java allows no class of that name, there are no such units, a range is too narrow or too wide for raw ones,
        or for what `to_json` refuses.
    """
    package, _, name = _class_name(class_name).rpartition(".")
    if units not in UNITS:
        raise ValueError(f"units: {units!r} given, allowed are {', '.join(UNITS)}")
    data = plain(settings, checked(settings, metric))
    table = _raw(metric) if units == "raw" else _table(metric)
    rows = [
        f"        {{{', '.join(map(_double, row))}}}, // {_escaped(key)}"
        for key, row in zip(metric.ranges, table.tolist(), strict=True)
    ]
    kernel = settings["kernel"]
    sizes = asdict(kernel) if isinstance(kernel, Kernel) else {"bandwidth": 0.0}
    return CLASS.format(
        package=f"package {package};\n\n" if package else "",
        name=name,
        features=", ".join(f'"{_escaped(feature)}"' for feature in metric.ranges),
        ranges=", ".join(f"{{{_double(low)}, {_double(high)}}}" for low, high in metric.ranges.values()),
        **(RAW if units == "raw" else SCALED),
        units=units,
        rows="\n".join(rows),
        scale=_double(metric.scale),
        kernel=type(kernel).__name__ if isinstance(kernel, Kernel) else kernel,
        sizes=", ".join(f"{size.upper()} = {_double(value)}" for size, value in sizes.items()),
        background=_double(settings["background"]),
        neighbours=data["settings"]["neighbours"],
        share=data["settings"]["share"],
        height=_height(settings["kernel"]),
        by_intervals=str(settings["aim"] == "intervals").lower(),
        json=json.dumps(data),
    )


def from_java(source: str) -> tuple[dict[str, Any], Metric]:
    """Return the settings and the metric that `to_java` wrote; the table's numbers are read from the Java code itself.

    A raw row comes back to the last bit as long as nobody changed it, and else within rounding.

    Raises
    ------
    ValueError
        If the source is something else.
    """
    source = text_of(source).replace("\r\n", "\n")
    # a name stands in quotes or behind //, so what is looked for in front of both is code
    said = re.search(r"^// kdelab: (.*)$", source, re.MULTILINE)
    table = re.search(r"^[^\"/\n]*TRANSFORM = \{(.*?)\n\s*\};", source, re.DOTALL | re.MULTILINE)
    scale = re.search(r"^[^\"/\n]*DISTANCE_SCALE = -(\S+);", source, re.MULTILINE)
    if not (said and table and scale):
        raise ValueError("source is not a gun that to_java wrote: it lacks the table or the settings")
    settings, metric = from_json(said.group(1))
    cells = [row.split(",") for row in re.findall(r"\{([^{}]*)\}", re.sub(r"//.*", "", table.group(1)))]
    if [len(row) for row in cells] != [3] * len(metric.ranges):
        raise ValueError(f"source: TRANSFORM needs {len(metric.ranges)} rows of three numbers")
    try:
        rows = np.array(cells, dtype=np.float64)
        if re.search(r"^[^\"/\n]*UNITS = \"raw\";", source, re.MULTILINE):
            rows = _scaled(rows, metric)
        w, b, a = rows.T
        return settings, checked(settings, Metric(metric.ranges, float(scale.group(1)), w, a, b))
    except ValueError as error:
        raise ValueError(f"source is not a gun that to_java wrote: {error}") from error


def _height(kernel: Kernel | str) -> str:
    """Return K(u) / K(0) in Java, u in bandwidths and at least 0; 0 where each neighbour brings its own interval."""
    return HEIGHTS[type(kernel).__name__] if isinstance(kernel, Kernel) else "0"


def _table(metric: Metric) -> np.ndarray:
    return np.column_stack([metric.weights, metric.shifts, metric.exponents])


def _raw(metric: Metric) -> np.ndarray:
    """Return rows w, b, a that take features in their own units.

    w (1e-4 + b + (x - low) / span)^a = w / span^a (x + (1e-4 + b) span - low)^a.
    """
    low, high = np.array(list(metric.ranges.values())).T
    span = high - low
    with np.errstate(over="ignore", divide="ignore", under="ignore", invalid="ignore"):
        w, b = metric.weights / span**metric.exponents, (EPSILON + metric.shifts) * span - low
    wrong = ~np.isfinite(w) | ~np.isfinite(b) | ((w == 0) & (metric.weights > 1e-300))
    if wrong.any():
        name, ends = list(metric.ranges.items())[int(np.argmax(wrong))]
        raise ValueError(f'units: {name!r} spans {ends[0]:g} to {ends[1]:g}, which raw rows cannot hold; take "scaled"')
    while (touching := b + low <= 0).any():  # rounding ate the 1e-4
        b[touching] = np.nextafter(b[touching], math.inf)
    return np.column_stack([w, b, metric.exponents])


def _scaled(raw: np.ndarray, metric: Metric) -> np.ndarray:
    """Return rows for features scaled to [0, 1]: the metric's own where it has these raw ones."""
    low, high = np.array(list(metric.ranges.values())).T
    w, b, a = raw.T
    with np.errstate(over="ignore", invalid="ignore"):  # what isn't finite is refused
        shift = (b + low) / (high - low) - EPSILON
        back = np.column_stack([w * (high - low) ** a, np.where(abs(shift) < 1e-9, abs(shift), shift), a])
    unchanged = (raw == _raw(metric)).all(axis=1)
    return np.where(unchanged[:, None], _table(metric), back)


def _class_name(given: Any) -> str:
    parts = text_of(given).split(".")
    for i, part in enumerate(parts):
        if not re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]*", part):
            raise ValueError(
                f"name: {given!r} given, a Java class needs letters, digits and underscores, and so does its package"
            )
        if part in _KEYWORDS.split() or (part in _NO_CLASS.split() and i == len(parts) - 1):
            raise ValueError(f"name: {given!r} given, but Java lets nothing of ours be named {part!r}")
    if parts[0] == "java" and len(parts) > 1:
        raise ValueError(f"name: {given!r} given, but the package java is Java's own")
    return str(given)


def _double(value: float) -> str:
    return repr(float(value))


def _escaped(text: str) -> str:
    """Return text as it stands between the quotes of a Java literal, in ASCII; it ends neither these nor a comment.

    Java puts a character in the place of backslash, u and its number before it looks for quotes and ends of lines, so
    no character of ASCII is written like that.
    """
    units = np.frombuffer(text.encode("utf-16-be", "surrogatepass"), dtype=">u2")
    return "".join(_UNIT.get(unit) or f"\\u{unit:04x}" for unit in units.tolist())


_UNIT = {unit: f"\\{unit:03o}" for unit in range(128)} | {unit: chr(unit) for unit in range(32, 127)}
_UNIT |= {ord('"'): '\\"', ord("\\"): "\\\\"}
