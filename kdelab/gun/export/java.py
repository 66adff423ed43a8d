"""A fitted gun as Java source, and back without losing a bit.

Names may be a stranger's, so none of them can end the literal or comment that it stands in.
"""

import json
import re
from typing import Any

import numpy as np

from kdelab.gun.export.table import checked, from_json, plain, text_of
from kdelab.learn.metric import Metric
from kdelab.loss.kernels import Kernel

_KEYWORDS = """
abstract assert boolean break byte case catch char class const continue default do double else enum extends false final
finally float for goto if implements import instanceof int interface long native new null package private protected
public return short static strictfp super switch synchronized this throw throws transient true try void volatile while _
"""
_NO_CLASS = "var yield record sealed permits String Math"  # the last two are used inside of the class


def to_java(settings: dict[str, Any], metric: Metric, class_name: str) -> str:
    """Return a Java class of that name, without dependencies: the table {w, b, a} and what to do with it.

    Parameters
    ----------
    settings : dict
    metric : Metric
    class_name : str
        "LearnedWeights", or with its package: "my.bot.LearnedWeights".

    Raises
    ------
    ValueError
        If Java allows no class of that name, or for what `to_json` refuses.
    """
    package, _, name = _class_name(class_name).rpartition(".")
    data = plain(settings, checked(settings, metric))
    columns = zip(metric.ranges, metric.weights, metric.shifts, metric.exponents, strict=True)
    rows = [f"        {{{_double(w)}, {_double(b)}, {_double(a)}}}, // {_escaped(key)}" for key, w, b, a in columns]
    return _JAVA.format(
        package=f"package {package};\n\n" if package else "",
        name=name,
        features=", ".join(f'"{_escaped(feature)}"' for feature in metric.ranges),
        ranges=", ".join(f"{{{_double(low)}, {_double(high)}}}" for low, high in metric.ranges.values()),
        rows="\n".join(rows),
        scale=_double(metric.scale),
        neighbours=data["settings"]["neighbours"],
        share=data["settings"]["share"],
        bandwidth=_double(getattr(settings["kernel"], "bandwidth", 1.0)),
        height=_height(settings["kernel"]),
        by_intervals=str(settings["aim"] == "intervals").lower(),
        json=json.dumps(data),
    )


def from_java(source: str) -> tuple[dict[str, Any], Metric]:
    """Return the settings and the metric that `to_java` wrote; the table's numbers are read from the Java code itself.

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
        w, b, a = np.array(cells, dtype=np.float64).T
        return settings, checked(settings, Metric(metric.ranges, float(scale.group(1)), w, a, b))
    except ValueError as error:
        raise ValueError(f"source is not a gun that to_java wrote: {error}") from error


def _height(kernel: Kernel | str) -> str:
    """Return K(u) / K(0) in Java, u in bandwidths and at least 0; 0 where each neighbour brings its own interval."""
    if not isinstance(kernel, Kernel):
        return "0"
    shape = getattr(kernel, "shape", 1.0)
    return _HEIGHTS[type(kernel).__name__].format(shape=_double(shape))


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

_HEIGHTS = {
    "Box": "u <= 1 ? 1 : 0",
    "Cauchy": "1 / (1 + u * u)",
    "Epanechnikov": "Math.max(0, 1 - u * u)",
    "Gaussian": "Math.exp(-u * u / 2)",
    "GeneralizedNormal": "Math.exp(-Math.pow(u, {shape}))",
    "Huber": "Math.exp(u < 1 ? -u * u / 2 : 0.5 - u)",
    "Laplace": "Math.exp(-u)",
    "Logistic": "4 / (2 + Math.exp(u) + Math.exp(-u))",
    "Triangular": "Math.max(0, 1 - u)",
}

_JAVA = """\
// Weights of a nearest-neighbour gun, learned with kdelab.  NeighbourModel.from_java reads this file back.
// kdelab: {json}

{package}public final class {name} {{
    /** The features, in the order of the tables. */
    public static final String[] FEATURES = {{{features}}};

    /** What scales each feature to [0, 1]: low, high. */
    private static final double[][] RANGE = {{{ranges}}};

    /** A row w, b, a for each feature: x becomes w (1e-4 + b + x)^a. */
    private static final double[][] TRANSFORM = {{
{rows}
    }};

    /** logit = DISTANCE_SCALE * Manhattan distance; softmax over the neighbours. */
    public static final double DISTANCE_SCALE = -{scale};

    /** At most so many neighbours, and at most one in SHARE of the waves that are stored. */
    public static final int NEIGHBOURS = {neighbours}, SHARE = {share};

    /** Whether to aim where most weight's intervals meet; else where most density lies within a robot's width. */
    public static final boolean AIM_BY_INTERVALS = {by_intervals};

    public static final double BANDWIDTH = {bandwidth};

    private {name}() {{}}

    /** Where a wave lies: search its neighbours by Manhattan distance between such arrays. */
    public static double[] position(double[] features) {{
        double[] position = new double[features.length];
        for (int i = 0; i < features.length; i++) {{
            double x = (features[i] - RANGE[i][0]) / (RANGE[i][1] - RANGE[i][0]);
            x = Math.max(0, Math.min(1, x));
            position[i] = TRANSFORM[i][0] * Math.pow(1e-4 + TRANSFORM[i][1] + x, TRANSFORM[i][2]);
        }}
        return position;
    }}

    public static double logit(double distance) {{
        return DISTANCE_SCALE * distance;
    }}

    /** The kernel's height at so many guess factors from its point, where it is highest 1. */
    public static double kernel(double offset) {{
        double u = Math.abs(offset) / BANDWIDTH;
        return {height};
    }}
}}
"""
