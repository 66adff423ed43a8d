"""Modules that have moved: their old names go on working until version 0.3, with a warning that says the new one."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import warnings
from types import CodeType, ModuleType
from typing import Any

MOVED = {
    "kdelab.bench": "benchmarks",
    "kdelab.gun.baselines": "kdelab.gun.compare.baselines",
    "kdelab.gun.checkpoint": "kdelab.learn.checkpoint",
    "kdelab.gun.distances": "kdelab.learn.distance",
    "kdelab.gun.experiments": "kdelab.gun.compare.leave_out",
    "kdelab.gun.features": "kdelab.gun.waves.features",
    "kdelab.gun.geometry": "kdelab.gun.waves.geometry",
    "kdelab.gun.record": "kdelab.gun.battles.record",
    "kdelab.gun.retrieval": "kdelab.gun.recall",
    "kdelab.gun.samples": "kdelab.gun.waves.samples",
    "kdelab.gun.store": "kdelab.gun.waves.store",
    "kdelab.gun.surfing": "kdelab.gun.compare.surfing",
    "kdelab.gun.trials": "kdelab.gun.compare.trials",
    "kdelab.gun.turns": "kdelab.gun.battles.turns",
    "kdelab.loss.batches": "kdelab.loss.parts",
    "kdelab.loss.quadrature": "kdelab.loss.rules",
    "kdelab.loss.scattered.nodes": "kdelab.loss.scattered.quadrature",
    "kdelab.report.explore": "kdelab.report.explorer.explore",
    "kdelab.report.style": "kdelab.plot.style",
}


class Moved(importlib.abc.MetaPathFinder):
    """Finds a module by its old name."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return the specification of the module that now has another name, None for all others."""
        return importlib.util.spec_from_loader(name, _Loader(MOVED[name])) if name in MOVED else None


class _Loader(importlib.abc.InspectLoader):
    """Gives the module itself, under a second name."""

    def __init__(self, new: str) -> None:
        self.new = new

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        warnings.warn(f"{spec.name} has moved to {self.new}, and its old name will go", DeprecationWarning, 2)
        module = importlib.import_module(self.new)
        self.own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own  # the import system has just put the old name's there

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code that ``python -m`` runs."""
        warnings.warn(f"{fullname} has moved to {self.new}, and its old name will go", DeprecationWarning, 2)
        spec = importlib.util.find_spec(self.new)
        assert spec is not None
        assert isinstance(spec.loader, importlib.abc.InspectLoader)
        return spec.loader.get_code(self.new)

    def get_source(self, fullname: str) -> str | None:
        """Return nothing: the source is the other module's."""
        return None


sys.meta_path.append(Moved())
