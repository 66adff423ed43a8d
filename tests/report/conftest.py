"""A project of one good notebook, a stand-in for the runs of its notebooks, and the site of the committed ones."""

import shutil
from pathlib import Path

import pytest
from tiny_notebooks import GOOD, Runs, save

from kdelab.report.build import observe, refresh, site
from kdelab.report.build.project import Project


@pytest.fixture
def runs(monkeypatch):
    stand_in = Runs()
    monkeypatch.setattr(site, "running", stand_in)
    monkeypatch.setattr(refresh, "running", stand_in)
    monkeypatch.setattr(observe, "running", stand_in)
    return stand_in


@pytest.fixture
def project(tmp_path, runs):
    save(tmp_path / "notebooks" / "01-good.ipynb", GOOD)
    return Project(tmp_path)


@pytest.fixture(scope="session")
def committed(tmp_path_factory):
    """The site of the committed notebooks' own outputs, without running them again."""
    project = Project(tmp_path_factory.mktemp("committed"))
    here = Path(__file__).parents[2]
    shutil.copytree(here / "notebooks", project.notebooks, ignore=shutil.ignore_patterns(".*"))
    for folder in ("docs", "benchmarks"):
        shutil.copytree(here / folder, project.root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "running", Runs())
        assert site.build(project) == []
    return project
