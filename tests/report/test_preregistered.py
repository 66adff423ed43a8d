"""What was decided of the questions written down beforehand, and where it says so."""

import json
import re
from pathlib import Path

import pytest

from kdelab.report.decisions import preregistered
from kdelab.report.verdicts import claim, counterexample

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "preregistration.md").read_text()


def sure_to(least):
    """Checks that hold with intervals of 1 - 0.05 / m for m up to `least`."""
    return lambda level: [
        claim("how sure", (1 - level) * least, at_least=preregistered.ALPHA * (1 - 1e-9)),
        counterexample("nothing", 1.0, at_most=0),
    ]


@pytest.mark.parametrize(
    ("sure", "stand"),
    [
        ([3, 2, 1], [True, True, True]),
        ([1, 3, 2], [True, True, True]),
        ([2, 2, 1], [False, False, False]),
        ([3, 1, 1], [True, False, False]),
        ([3, 0, 2], [True, False, True]),
        ([3, 3, 0], [True, True, False]),
    ],
)
def test_holm_goes_from_the_surest_on(sure, stand):
    found = preregistered.answers({str(i): sure_to(each) for i, each in enumerate(sure)})
    assert [answer.level for answer in found.values()] == sure
    assert [answer.corrected for answer in found.values()] == stand
    assert [answer.status for answer in found.values()] == ["holds" if each else "undecided" for each in sure]


def test_the_document_says_what_the_record_says():
    record = json.loads((ROOT / "reports" / "verdicts.json").read_text())
    published = {verdict["claim"]: verdict["status"] for verdict in record["verdicts"]}
    said = dict(re.findall(r"^\| `([a-z-]+)` \| ([a-z ]+) \|", DOCUMENT, re.MULTILINE))
    assert said.keys() == {
        *preregistered.QUESTIONS,
        *("live-gun", "replay-tells", "head-start", "network-gun", "bins-train"),
    }
    for name, status in said.items():
        assert status == published[name]


@pytest.mark.slow
def test_the_document_s_table_is_what_the_cells_give():
    assert preregistered.table(preregistered.answers()) in DOCUMENT
