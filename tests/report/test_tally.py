"""The tally: the thread's own claims by status, ours apart."""

from pathlib import Path

import pytest

from kdelab.report.build import published
from kdelab.report.build.project import Project
from kdelab.report.build.tally import in_a_sentence, tally
from kdelab.report.claims import CLAIMS

ROOT = Path(__file__).parents[2]
SOME = {
    "binning": "holds",
    "gradient": "holds",
    "softmax-limit": "refuted",
    "exact-engine": "holds",
    "new": "undecided",
}


def test_the_thread_s_claims_and_ours_are_counted_apart():
    assert tally(SOME) == {"the thread": {"holds": 2, "refuted": 1}, "ours": {"holds": 1, "undecided": 1}}


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        (SOME, "Of the thread's own 3 claims 2 hold and 1 is refuted; of our 2, 1 holds and 1 is undecided."),
        ({"binning": "open"}, "Of the thread's own 1 claims 1 is open."),
        (
            dict.fromkeys(("binning", "gradient"), "holds within bounds") | {"equal-rate": "undecided"},
            "Of the thread's own 3 claims 2 hold within bounds and 1 is undecided.",
        ),
        ({}, "Of the thread's own 0 claims none has a verdict."),
    ],
)
def test_the_sentence(statuses, sentence):
    assert in_a_sentence(tally(statuses)) == sentence


def test_readme_and_verdicts_md_begin_with_the_tally_of_the_record():
    project = Project(ROOT)
    statuses = dict.fromkeys((claim.id for claim in CLAIMS), "open")
    verdicts = {claim: {"status": "refuted", "measured": "One.", "coverage": ""} for claim in statuses}
    said_there = sum(bool(claim.date) for claim in CLAIMS)
    words = in_a_sentence(tally(dict.fromkeys(statuses, "refuted")))
    shown = published.readme_blocks(project, verdicts)
    assert shown["tally"] == words
    assert shown["verdicts"].count("|✘ refuted|") == said_there
    assert f"\n{words}\n" in published.verdicts_markdown(project, verdicts)
    assert in_a_sentence(tally(statuses)) in published.verdicts_markdown(project, {})
    numbers = tally(statuses)
    assert numbers["the thread"]["open"] + numbers["ours"]["open"] == len(CLAIMS)
