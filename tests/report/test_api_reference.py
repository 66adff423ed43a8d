"""The API reference has every public name, with what it takes and what it does, whatever isn't installed."""

import ast
import re
import shutil
from html import unescape

import pytest
from test_house import ROOT
from tour import chromium, complaints

import kdelab
from kdelab.report.build import api
from kdelab.report.build.autodoc import PAGES, modules
from kdelab.report.build.project import Made

pytestmark = pytest.mark.xdist_group("api")  # one worker: Sphinx runs once

#: What users were promised beside the names of `kdelab.__all__`.
PROMISED = [
    *(f"CrossEntropy.{name}" for name in ("value", "value_and_grad", "value_and_grads", "density", "log_density")),
    *(f"Clusters.{name}" for name in ("from_lists", "from_padded", "from_arrow", "from_table", "one_bin", "widened")),
    *(f"{model}.{name}" for model in ("NeighbourModel", "KernelDensityRegressor") for name in ("fit", "score")),
    "torch.cross_entropy", "torch.CrossEntropyLoss", "jax.cross_entropy", "distributed.fit", "loss.reference.loss",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = Made(tmp_path_factory.mktemp("project") / "reports")
    written, wrong = api.write_api(folder)
    assert (sorted(written), wrong) == (sorted(api.files()), [])
    return folder


@pytest.fixture(scope="module")
def entries(made):
    """What the reference says, by name: the signature, and the description with its HTML."""
    found = {}
    for name in api.files():
        text = (made.folder / name).read_text(encoding="utf-8")
        for signature, dotted, told in re.findall(
            r'(<dt class="sig[^>]*id="([^"]+)".*?</dt>)\s*<dd>(.*?)</dd>', text, re.DOTALL
        ):
            found[dotted] = (unescape(re.sub(r"<[^>]*>", "", signature)), told)
    return found


def public(module):
    """Names of functions and classes that a module offers, as it is written: it need not be importable here."""
    path = ROOT.joinpath(*module.split("."))
    tree = ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())
    listed = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == ["__all__"]
    ]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return listed[0] if listed else [name for name in defined if not name.startswith("_")]


def test_every_name_of_kdelab_has_its_entry(entries, made):
    page = (made.folder / "api" / "kdelab.html").read_text(encoding="utf-8")
    for name in set(kdelab.__all__) - {"__version__"}:
        assert f"kdelab.{name}" in entries or f"module-kdelab.loss.{name}" in page or f"#{name}" in page, name
    assert [name for name in PROMISED if f"kdelab.{name}" not in entries] == []


@pytest.mark.parametrize(
    "module", [*(page for page in PAGES if page != "kdelab"), *(m for p in PAGES for m in modules(p))]
)
def test_every_public_name_of_a_module_has_its_entry(entries, module):
    missing = [name for name in public(module) if f"{module}.{name}" not in entries]
    assert missing == []


def test_an_entry_says_what_it_takes_and_what_it_does(entries):
    functions = [name for name in entries if re.search(r"\.[a-z]\w*$", name) and "(" in entries[name][0]]
    assert len(functions) > 150
    assert [name for name in entries if not re.sub(r"<[^>]*>", "", entries[name][1]).strip()] == []
    assert "logits" in entries["kdelab.torch.cross_entropy"][0]
    assert "learn_bandwidth" in entries["kdelab.torch.CrossEntropyLoss"][0]
    assert "Tensor | None" in entries["kdelab.torch.cross_entropy"][0]
    assert "logits: ArrayLike" in entries["kdelab.CrossEntropy.value_and_grad"][0]


def test_what_guides_and_readme_import_has_its_entry(entries):
    text = "".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    imported = re.findall(r"^from (kdelab[\w.]*) import ([\w, ]+)", text, re.MULTILINE)
    names = {name.strip() for _, listed in imported for name in listed.split(",")}
    assert names
    last = {name.rpartition(".")[2] for name in entries} | {
        name.rpartition(".")[2] for p in PAGES for name in modules(p)
    }
    assert names - last == set()


def test_links_inside_of_the_reference_lead_somewhere(made):
    for name in api.files():
        text = (made.folder / name).read_text(encoding="utf-8")
        for href in re.findall(r'href="([^":]*)"', text.partition("<main>")[2]):
            path, _, anchor = href.partition("#")
            target = made.folder / "api" / (path or name.rpartition("/")[2])
            assert target.is_file(), f"{name}: {href}"
            assert not anchor or f'id="{anchor}"' in target.read_text(encoding="utf-8"), f"{name}: {href}"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromedriver"), reason="needs Debian's chromium and chromium-driver")
def test_the_reference_is_for_everyone(made):
    with chromium() as browser:
        browser.set_script_timeout(300)
        for name in api.files():
            assert complaints(browser, made.folder / name) == [], name


def test_what_hasn_t_changed_is_left_alone(made):
    assert api.write_api(Made(made.folder)) == ([], [])


def test_a_reference_that_fails_is_named_and_stops_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(api.sys, "executable", "/bin/false")
    written, (wrong,) = api.write_api(Made(tmp_path / "reports"))
    assert written == []
    assert wrong.startswith("the API reference: ")
