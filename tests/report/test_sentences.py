"""What the tables say of each verdict can be read by itself: a sentence with a number, and how much a bound covers."""

from pathlib import Path

import pytest

from kdelab.report.build import record
from kdelab.report.build.project import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def verdicts():
    return record.verdicts(record.content(Project(ROOT)))


def test_every_verdict_says_in_a_sentence_what_was_measured(verdicts):
    for claim, verdict in verdicts.items():
        measured = verdict["measured"]
        assert any(letter.isdigit() for letter in measured), f"{claim}: no number"
        assert 12 <= len(measured.split()) <= 60, f"{claim}: {len(measured.split())} words"
        assert measured.endswith("."), claim
        assert "below 1e" not in measured, claim
        assert not any(measured.startswith(check["name"]) for check in verdict["checks"]), claim


def test_every_verdict_within_bounds_says_what_it_covers(verdicts):
    for claim, verdict in verdicts.items():
        assert bool(verdict["coverage"]) == (verdict["status"] == "holds within bounds"), claim
        assert "unknown" not in verdict["coverage"], claim
