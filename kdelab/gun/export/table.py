"""A fitted gun as JSON, and back without losing a bit: shortest decimals that read back the same.

The text may be a stranger's, so it is checked to the last number.
"""

import json
import math
import sys
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from kdelab.gun.parameters import names_of
from kdelab.gun.waves.check import flag
from kdelab.learn.metric import Metric
from kdelab.loss import kernels
from kdelab.loss.kernels import Kernel

FORMAT = "kdelab.NeighbourModel"
SCHEMA = 3
"""Of the JSON.  1, whose format said "kdelab.NeighbourModel/1", and 2 had no `within_round`: it is False there."""
SETTINGS = ("kernel", "form", "neighbours", "share", "within_round", "features", "background", "aim")

_ROW = ("name", "low", "high", "w", "b", "a")


def to_json(settings: dict[str, Any], metric: Metric) -> str:
    """Return JSON: a row {name, low, high, w, b, a} a feature, the distance's scale, and the gun's settings.

    Raises
    ------
    ValueError
        If a number of the gun is not what it may be, or its kernel is none of kdelab's.
    """
    return json.dumps(plain(settings, checked(settings, metric)), indent=1)


def from_json(text: str) -> tuple[dict[str, Any], Metric]:
    """Return the settings and the metric that `to_json` wrote.

    Raises
    ------
    ValueError
        If the text is something else.
    """
    try:
        data = json.loads(text_of(text), object_pairs_hook=_unique, parse_constant=_no_number)
        schema = _schema(data)
        _keys("", data, ("format", *(["schema"] if schema > 1 else []), "settings", "scale", "features"))
        rows, settings = data["features"], dict(data["settings"])
        if schema < SCHEMA:
            _keys("settings: ", settings, tuple(name for name in SETTINGS if name != "within_round"))
            settings["within_round"] = False
        _keys("settings: ", settings, SETTINGS)
        settings["kernel"] = _kernel(settings["kernel"])
        _number("background", settings["background"])
        for row in rows:
            _keys("features: ", row, _ROW)
            if not isinstance(row["name"], str):
                raise ValueError(f"the feature {row['name']!r} is no text")
        names = [row["name"] for row in rows]
        if len(set(names)) < len(names):
            raise ValueError("a feature stands twice")
        low, high, w, b, a = (np.array([_number(key, row[key]) for row in rows]) for key in _ROW[1:])
        ranges = dict(zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True))
        return settings, checked(settings, Metric(ranges, _number("scale", data["scale"]), w, a, b))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"text is not a gun that to_json wrote: {error}") from error


def checked(settings: dict[str, Any], metric: Metric) -> Metric:
    """Return a metric with contiguous float64 arrays; ValueError if a number can't be a gun's."""
    names = names_of(settings["features"])
    if list(metric.ranges) != names:
        raise ValueError(f"its rows are those of {', '.join(metric.ranges)}, its settings name {', '.join(names)}")
    w, a, b = (np.array(part, dtype=np.float64) for part in (metric.weights, metric.exponents, metric.shifts))
    if not w.shape == b.shape == a.shape == (len(names),):
        raise ValueError(f"there are {len(names)} features, and weights for {w.size}")
    for name, (low, high) in metric.ranges.items():
        if not (low < high and math.isfinite(high - low)):
            raise ValueError(f"the range of {name} is {low:g} to {high:g}; it must rise, and be finite")
    for key, values in (("w", w), ("b", b), ("a", a)):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"{key} must be finite and at least 0, not {values.tolist()}")
    if not (math.isfinite(metric.scale) and metric.scale > 0):
        raise ValueError(f"scale must be finite and greater than 0, not {metric.scale}")
    right = Metric(metric.ranges, float(metric.scale), w, a, b)
    if not right.is_finite:
        raise ValueError("with such weights distances are not finite")
    return right


def plain(settings: dict[str, Any], metric: Metric) -> dict[str, Any]:
    """Return what JSON can say of a gun; ValueError if its kernel is none of kdelab's."""
    said = settings | {name: int(settings[name]) for name in ("neighbours", "share")}
    said["background"] = float(settings["background"])
    said["within_round"] = flag("within_round", settings["within_round"])
    kernel = settings["kernel"]
    if isinstance(kernel, Kernel):
        if getattr(kernels, type(kernel).__name__, None) is not type(kernel):
            raise ValueError(f"kernel: {kernel!r} is none of kdelab's, and can't be written")
        said["kernel"] = {"name": type(kernel).__name__, **asdict(kernel)}
    if settings["features"] is not None:
        said["features"] = list(settings["features"])
    columns = zip(metric.ranges.items(), metric.weights, metric.shifts, metric.exponents, strict=True)
    rows = [
        {"name": name, "low": float(low), "high": float(high), "w": float(w), "b": float(b), "a": float(a)}
        for (name, (low, high)), w, b, a in columns
    ]
    return {"format": FORMAT, "schema": SCHEMA, "settings": said, "scale": metric.scale, "features": rows}


def _schema(data: Any) -> int:
    if not isinstance(data, dict) or "format" not in data:
        raise ValueError(f"it holds no format {FORMAT!r}")
    form = data["format"]
    if form == f"{FORMAT}/1":
        return 1
    if form != FORMAT:
        raise ValueError(f"its format is {form!r}, known is {FORMAT!r}")
    schema = data.get("schema")
    if schema not in (2, SCHEMA):
        raise ValueError(f"its schema is {schema!r}, this kdelab reads 1 to {SCHEMA}; it takes a newer kdelab")
    return int(schema)


def _kernel(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    arguments = {key: _number(key, value) for key, value in given.items() if key != "name"}
    kind = getattr(kernels, str(given.get("name")), None)
    if not (isinstance(kind, type) and issubclass(kind, Kernel) and kind is not Kernel):
        raise ValueError(f"there is no kernel {given.get('name')!r}")
    _keys(f"kernel {given['name']}: ", given, ("name", *(field.name for field in fields(kind))))
    return kind(**arguments)


def text_of(given: Any) -> str:
    """Return what was given, if it is text; ValueError otherwise."""
    if not isinstance(given, str):
        raise ValueError(f"it must be text, not {type(given).__name__}")
    return given


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"one of {', '.join(key for key, _ in pairs)} stands twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _keys(where: str, given: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(given, dict) or set(given) != set(allowed):
        raise ValueError(f"{where}needed are {', '.join(allowed)}, found {', '.join(given) if given else given!r}")


def _number(name: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not abs(given) <= sys.float_info.max:
        raise ValueError(f"{name} must be a finite number, not {str(given)[:40]!r}")
    return float(given)
