"""A fitted gun as JSON or as Java source, and back without losing a bit: shortest decimals that read back the same."""

import json
import re
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from kdelab.loss import kernels
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats

FORMAT = "kdelab.NeighbourModel/1"


class State(NamedTuple):
    """All that predicting takes."""

    parameters: dict[str, Any]
    ranges: dict[str, tuple[float, float]]
    scale: float
    weights: Floats
    offsets: Floats
    exponents: Floats


def to_json(state: State) -> str:
    """Return JSON: a row {feature, low, high, w, b, a} a feature, the distance's scale, and the gun's settings."""
    return json.dumps(_plain(state), indent=1)


def from_json(text: str) -> State:
    """Return the state that `to_json` wrote.

    Raises
    ------
    ValueError
        If the text is something else.
    """
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}, known is {FORMAT!r}")
        rows = data["features"]
        settings = dict(data["settings"])
        settings["kernel"] = _kernel(settings["kernel"])
        w, b, a = (np.array([row[key] for row in rows], dtype=np.float64) for key in "wba")
        if not np.isfinite([w, b, a]).all():
            raise ValueError("a weight is not finite")
        ranges = {str(row["name"]): (float(row["low"]), float(row["high"])) for row in rows}
        return State(settings, ranges, float(data["scale"]), w, b, a)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"text is not a gun that to_json wrote: {error}") from error


def to_java(state: State, class_name: str) -> str:
    """Return a Java class of that name, without dependencies: the table {w, b, a} and what to do with it."""
    if not re.fullmatch(r"[A-Za-z_]\w*", class_name):
        raise ValueError(f"name: {class_name!r} given, a Java class needs letters, digits and underscores")
    columns = zip(state.ranges, state.weights, state.offsets, state.exponents, strict=True)
    rows = "\n".join(f"        {{{_number(w)}, {_number(b)}, {_number(a)}}}, // {name}" for name, w, b, a in columns)
    ranges = ", ".join(f"{{{_number(low)}, {_number(high)}}}" for low, high in state.ranges.values())
    features = ", ".join(f'"{feature}"' for feature in state.ranges)
    return _JAVA.format(
        name=class_name,
        features=features,
        ranges=ranges,
        rows=rows,
        scale=_number(state.scale),
        neighbours=state.parameters["neighbours"],
        share=state.parameters["share"],
        json=json.dumps(_plain(state)),
    )


def from_java(source: str) -> State:
    """Return the state that `to_java` wrote; the table's numbers are read from the Java code itself.

    Raises
    ------
    ValueError
        If the source is something else.
    """
    settings = re.search(r"^// kdelab: (.*)$", source, re.MULTILINE)
    table = re.search(r"TRANSFORM = \{(.*?)\n    \};", source, re.DOTALL)
    scale = re.search(r"DISTANCE_SCALE = -(\S+);", source)
    if not (settings and table and scale):
        raise ValueError("source is not a gun that to_java wrote: it lacks the table or the settings")
    state = from_json(settings.group(1))
    rows = [[float(number) for number in row.split(",")] for row in re.findall(r"\{([^{}]*)\}", table.group(1))]
    if [len(row) for row in rows] != [3] * len(state.ranges):
        raise ValueError(f"source: TRANSFORM needs {len(state.ranges)} rows of three numbers")
    w, b, a = np.array(rows).T
    return state._replace(scale=float(scale.group(1)), weights=w.copy(), offsets=b.copy(), exponents=a.copy())


def _plain(state: State) -> dict[str, Any]:
    settings = dict(state.parameters)
    kernel = settings["kernel"]
    if isinstance(kernel, Kernel):
        settings["kernel"] = {"name": type(kernel).__name__, **asdict(kernel)}
    if settings["features"] is not None:
        settings["features"] = list(settings["features"])
    columns = zip(state.ranges.items(), state.weights, state.offsets, state.exponents, strict=True)
    rows = [
        {"name": name, "low": low, "high": high, "w": float(w), "b": float(b), "a": float(a)}
        for (name, (low, high)), w, b, a in columns
    ]
    return {"format": FORMAT, "settings": settings, "scale": state.scale, "features": rows}


def _kernel(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    arguments = dict(given)
    kind = getattr(kernels, str(arguments.pop("name")), None)
    if not (isinstance(kind, type) and issubclass(kind, Kernel)):
        raise ValueError(f"there is no kernel {given['name']!r}")
    return kind(**arguments)


def _number(value: float) -> str:
    return repr(float(value))


_JAVA = """\
// Weights of a nearest-neighbour gun, learned with kdelab.  NeighbourModel.from_java reads this file back.
// kdelab: {json}

public final class {name} {{
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
}}
"""
