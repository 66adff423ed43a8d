"""Fingerprints: what a run depends on changes them, and nothing else does."""

import json
import math

import nbformat
from tiny_notebooks import GOOD

from kdelab.report.build.fingerprints import DRAWING, Fingerprints, commit, digest, sourced, sources
from kdelab.report.build.project import Project


def test_a_fingerprint_follows_content_only(tmp_path):
    project = Project(tmp_path)

    def fingerprint(notebook, given):
        return Fingerprints(project).of(notebook, given)

    base = fingerprint(GOOD, {})
    ran = nbformat.from_dict(json.loads(json.dumps(GOOD)))
    ran.cells[2].outputs, ran.cells[2].execution_count = [nbformat.v4.new_output("stream", text="x")], 7
    assert fingerprint(ran, {}) == base
    assert fingerprint(GOOD, {"waves": "surfers"}) != base
    ran.cells[2].source += " "
    assert fingerprint(ran, {}) != base
    (tmp_path / "requirements.lock").write_text("numpy==0\n")
    assert fingerprint(GOOD, {}) != base


def test_what_only_draws_pages_is_told_apart_from_what_computes():
    computing, drawing = sources(), sources(drawing=True)
    assert {
        "report/verdicts.py",
        "plot/style.py",
        "gun/waves/data/surfers.parquet",
        "loss/kernels/laplace.py",
    } <= computing.keys()
    assert {"report/build/site.py", "report/build/templates/page/style.css"} <= drawing.keys()
    assert not computing.keys() & drawing.keys()
    assert drawing.keys() >= DRAWING, "a module that was renamed draws still"


def test_outside_of_a_work_tree_the_commit_is_unknown(tmp_path):
    assert commit(tmp_path) == {"commit": None, "dirty": None}


def test_observations_have_names_of_their_own():
    given = [{"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": [1]}, {"a": math.inf}, {"b": 1}]
    assert len({digest(sourced(one)) for one in given}) == len(given)
