"""All arrays reach compiled code in one form: it is compiled once, and no digit depends on it."""

import importlib
import pickle
import pkgutil
from fractions import Fraction

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
from five_points import KERNELS, LOGITS, LOSS, LOWER, OFFSETS, POINTS, RULES, UPPER

import kdelab
import kdelab.gun
import kdelab.learn
import kdelab.loss.engines
from kdelab.gun.aim import densest
from kdelab.gun.waves.geometry import target_interval
from kdelab.learn.distance import LinearLogits, Parameters, PowerLogits
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.intervals import IntervalCrossEntropy
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.runtime import _Cache


def every_dispatcher():
    found = {}
    for package in (kdelab.loss.engines, kdelab.learn, kdelab.gun):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if module.name.endswith(("__main__", ".embedding")) or ".battles." in module.name:  # which take more
                continue
            for name, thing in vars(importlib.import_module(module.name)).items():
                if isinstance(thing, numba.core.dispatcher.Dispatcher):
                    found[f"{thing.py_func.__module__}.{name}"] = thing
    return found


def signatures():
    return {name: list(dispatcher.signatures) for name, dispatcher in every_dispatcher().items()}


def variant(signature):
    """Return what code is compiled for: the kernels among the arguments, and which of them are None."""
    classes = [getattr(argument, "instance_class", object) for argument in signature]
    kernels = tuple(kind for kind in classes if issubclass(kind, Compiled))
    return kernels, tuple(argument == numba.types.none for argument in signature)


def use_everything(form, whole=lambda given: np.array(given, dtype=np.int64)):
    """Call all that is compiled, with every array in some form."""
    clusters = kdelab.Clusters(form(POINTS), whole(OFFSETS), form(LOWER), form(UPPER))
    clusters = clusters.take(whole([0, 1]))
    for kernel in KERNELS:
        for rule in RULES:
            loss = kdelab.CrossEntropy(clusters, kernel, rule)
            loss.value(form(LOGITS))
            loss.value_and_grad(form(LOGITS))
            loss.value_and_grads(form(LOGITS))
            loss.value_and_grads(form(LOGITS), ("lower", "upper"), form([1.0, 2.0]))
            loss.density(form(LOGITS), form([0.0, 0.1]))
            one = kdelab.CrossEntropy(kdelab.Clusters.from_lists([form(POINTS)], [-0.1], [0.1]), kernel, rule)
            one.density(form(LOGITS), form([0.0, 0.1]))
        pickle.loads(pickle.dumps(kdelab.CrossEntropy(clusters, kernel))).value_and_grad(form(LOGITS))
    intervals = IntervalCrossEntropy(clusters, form(np.array(POINTS) - 0.1), form(np.array(POINTS) + 0.1), 0.1)
    pickle.loads(pickle.dumps(intervals)).value_and_grads(form(LOGITS))
    densest(form(np.ones(5)), form(POINTS), form(np.array(POINTS) + 0.1), whole(OFFSETS))
    found = Neighbourhood(whole([0, 1, 3]), whole([1, 2, 3]), np.zeros(3))
    features = np.array([form(POINTS), form(LOGITS)]).T
    parameters = Parameters(np.ones(2), np.array([1.0, 0.5]), np.zeros(2))
    for kind in (LinearLogits, PowerLogits):
        for layout in (np.ascontiguousarray, np.asfortranarray):
            parameters.positions(layout(features))
            logits = kind(layout(features), whole([0, 4]), found)
            logits.forward(parameters)
            logits.backward(form([0.1, 0.2, 0.3]), form([0.5, 0.5]))
    target_interval(np.array([form([400.0] * 9), form([300.0] * 9)]).T, 400, 100.0, np.float32(11), 0, 0.8, 800, 600)


def as_read_only(given):
    array = np.array(given, dtype=np.float64)
    array.flags.writeable = False
    return array


def as_unaligned(given):
    records = np.zeros(len(given), dtype=[("one byte", "u1"), ("x", "f8")])
    records["x"] = given
    return records["x"]


FORMS = {
    "read-only": as_read_only,
    "strided": lambda given: np.repeat(np.array(given, dtype=np.float64), 2)[::2],
    "backwards": lambda given: np.array(given, dtype=np.float64)[::-1].copy()[::-1],
    "single": lambda given: np.array(given, dtype=np.float32),
    "long double": lambda given: np.array(given, dtype=np.longdouble),
    "other byte order": lambda given: np.array(given, dtype=np.float64).astype(">f8"),
    "unaligned": as_unaligned,
    "list": list,
    "pandas": lambda given: pd.Series(given, dtype=np.float64),
    "Arrow": lambda given: pa.array(np.array(given, dtype=np.float64)),
    "objects": lambda given: np.array([Fraction(float(x)) for x in given], dtype=object),
}
WHOLE = {
    "int32": lambda given: np.array(given, dtype=np.int32),
    "unsigned": lambda given: np.array(given, dtype=np.uint64),
    "other byte order": lambda given: np.array(given, dtype=">i4"),
    "read-only": lambda given: as_read_only(given).astype(np.int64).view(),
    "strided": lambda given: np.repeat(np.array(given, dtype=np.int64), 2)[::2],
    "list": list,
}


def test_nothing_is_compiled_twice_whatever_the_form_of_the_arrays():
    use_everything(lambda given: np.array(given, dtype=np.float64))
    first = signatures()
    from_python = [name for name, thing in every_dispatcher().items() if isinstance(thing._cache, _Cache)]
    assert len(from_python) >= 12
    assert [name for name in from_python if len(first[name]) > len(set(map(variant, first[name])))] == []
    for form in FORMS.values():
        use_everything(form)
    for whole in WHOLE.values():
        use_everything(lambda given: np.array(given, dtype=np.float64), whole)
    assert signatures() == first


def test_the_form_of_the_arrays_changes_no_digit():
    values, gradient = LOSS.value_and_grad(LOGITS)
    for name, form in FORMS.items():
        if name != "single":
            clusters = kdelab.Clusters(form(POINTS), OFFSETS, form(LOWER), form(UPPER))
            other = kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1)).value_and_grad(form(LOGITS))
            assert (other[0].tobytes(), other[1].tobytes()) == (values.tobytes(), gradient.tobytes()), name
