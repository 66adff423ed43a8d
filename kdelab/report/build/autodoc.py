"""The inside of the API reference: Sphinx, in a process of its own, turns docstrings and signatures into HTML.

``python -m kdelab.report.build.autodoc FOLDER`` writes a file a page there. PyTorch, JAX, Dask and the Java bridge need
not be installed: Sphinx puts stand-ins in their place, and what is read is this library's code and nothing of theirs.
"""

import importlib
import inspect
import re
import sys
import typing
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

import kdelab

#: Pages, and what each is for.
PAGES = {
    "kdelab": "Clusters, kernels, rules, the cross-entropy, guns, regressors, verdicts: what ``import kdelab`` offers.",
    "kdelab.torch": "The loss in PyTorch.",
    "kdelab.jax": "The loss in JAX.",
    "kdelab.distributed": "Fits of more data than one memory or one machine holds.",
    "kdelab.loss": "Under the loss: the oracle, a kernel's face, other targets, padded and scattered clusters.",
    "kdelab.learn": "The learner for anybody's table: memory, distances, the fit, regression.",
    "kdelab.gun": "Battles, waves, features, and the gun that learns from them.",
    "kdelab.study": "What the loss is compared with: rival losses, the shortcuts of the thread, shuffled batches.",
    "kdelab.plot": "The house style of figures.",
}
_MODULES = {
    "kdelab.loss": "reference kernels.base intervals padded streaming scattered runtime",
    "kdelab.learn": "memory distance metric form examples fit parts checkpoint regressor.mixture",
    "kdelab.gun": """
recall waves.columns waves.features waves.store waves.reading waves.parts waves.from_turns waves.frames waves.check
learner export training.trained training.exam robot.build battles.record battles.turns compare.baselines compare.trials
""",
    "kdelab.study": "rivals shortcuts shuffled bins by_hand rest moves audit toy",
    "kdelab.plot": "style forest",
}
_ARRAY = re.compile(r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[(.*?)\]\]")
_ELSEWHERE = ["torch", "jax", "distributed", "jpype"]
_SETTINGS: dict[str, Any] = {
    "project": "kdelab",
    "extensions": ["sphinx.ext.autodoc", "sphinx.ext.napoleon"],
    "default_role": "py:obj",
    "autodoc_mock_imports": _ELSEWHERE,
    "autodoc_default_options": {"show-inheritance": True, "no-value": True},
    "autodoc_member_order": "bysource",
    "autodoc_preserve_defaults": True,
    "autodoc_typehints_format": "short",
    "napoleon_use_param": False,
    "python_display_short_literal_types": True,
    "add_module_names": False,
    "html_theme": "basic",
    "html_permalinks_icon": "#",
    "html_copy_source": False,
    "html_use_index": False,
    "html_domain_indices": False,
}


def modules(page: str) -> list[str]:
    """Return the modules that a page documents beside its own."""
    return [f"{page}.{name}" for name in _MODULES.get(page, "").split()]


def main(folder: Path) -> int:
    """Write the pages' bodies into a folder; 1 if Sphinx had to give up on one."""
    from sphinx.application import Sphinx
    from sphinx.ext.autodoc.mock import _MockObject, mock

    _MockObject.__or__ = _MockObject.__ror__ = _either  # type: ignore[method-assign, assignment]
    source = folder / "source"
    source.mkdir()
    (source / "page.html").write_text("{{ body }}")
    with mock(_ELSEWHERE):
        for page in PAGES:
            (source / f"{page}.rst").write_text(_sourced(page), encoding="utf-8")
    (source / "index.rst").write_text(_index(), encoding="utf-8")
    settings = {**_SETTINGS, "templates_path": [str(source)]}
    application = Sphinx(source, None, folder, folder / "trees", "html", settings, status=None, warning=sys.stderr)
    application.connect("autodoc-skip-member", _left_out)
    application.connect("autodoc-process-signature", _own_signature)
    application.connect("doctree-read", _no_guesses)
    application.build()
    return application.statuscode


def _either(stand_in: Any, other: Any) -> Any:
    """Return the union of two types, which Sphinx's stand-ins for classes don't know: Tensor | None."""
    return typing.ForwardRef(repr(stand_in)) | other


def _left_out(application: Any, what: str, name: str, found: Any, skip: bool, options: Any) -> bool | None:
    """Whether a member isn't shown: a tuple's field, which the class describes, what is private, scikit-learn's own."""
    inner = type(found).__name__ == "_tuplegetter" or getattr(found, "__name__", "").startswith("_")
    return True if inner or (name.startswith("set_") and name.endswith("_request")) else None


def _own_signature(
    application: Any, what: str, name: str, found: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Return arrays by their short names, and what a class takes itself, not the stand-in that it inherits from."""
    from sphinx.util import inspect as signatures
    from sphinx.util.typing import stringify_annotation

    if what == "class" and signature and signature.startswith("(*args"):
        own = signatures.signature(found.__init__, bound_method=True)
        signature = signatures.stringify_signature(own, show_return_annotation=False, unqualified_typehints=True)
    any_array = stringify_annotation(ArrayLike, "smart")

    def short(text: str | None) -> str | None:
        return _ARRAY.sub(r"~numpy.typing.NDArray[\1]", text.replace(any_array, "ArrayLike")) if text else text

    return short(signature), short(returns)


def _no_guesses(application: Any, tree: Any) -> None:
    """Let what a type says in lower case, an array's length say, lead to no attribute of that name."""
    from sphinx.addnodes import pending_xref

    for node in tree.findall(pending_xref):
        if "refspecific" in node and node["reftarget"][:1].islower():
            del node["refspecific"]


def _headed(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}\n\n"


def _sourced(page: str) -> str:
    """Return a page's source: its module, and under a heading each what that, or its modules, offer."""
    home = importlib.import_module(page)
    names = [name for name in getattr(home, "__all__", ()) if not name.startswith("_")]
    inner = modules(page)
    text = _headed(page, "=") + f".. automodule:: {page}\n   :{'no-' if names or inner else ''}members:\n\n"
    for name in names:
        found = getattr(home, name)
        text += _headed(name, "-")
        if inspect.ismodule(found):
            text += f"The module :py:mod:`{found.__name__}`.\n\n"
        elif inspect.isclass(found):
            text += f".. autoclass:: {page}.{name}\n   :members:\n\n"
        else:
            text += f".. autofunction:: {page}.{name}\n\n"
    for module in inner:
        text += _headed(module, "-") + f".. automodule:: {module}\n   :members:\n\n"
    return text


def _index() -> str:
    text = _headed("API", "=") + f"kdelab {kdelab.__version__}, from its docstrings.\n\n"
    for page, words in PAGES.items():
        text += f":doc:`{page}`\n   {words}\n\n"
    return text + ".. toctree::\n   :hidden:\n\n" + "".join(f"   {page}\n" for page in PAGES)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
