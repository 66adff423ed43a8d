"""A project of one good notebook, and a stand-in for the runs of its notebooks."""

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
