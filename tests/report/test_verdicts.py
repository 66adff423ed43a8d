"""Verdicts: the status follows from the checks, survives any measurement, and is shown only as far as it is robust."""

import json
import math
import re
from html import escape

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import kdelab
from kdelab.report.claims import BY_ID, CLAIMS
from kdelab.report.verdicts import MIME, ROLES, STATUS_COLOURS, Check, Coverage, Verdict, digits, in_words

GOOD, BAD = {"value": 1.0, "at_most": 2.0}, {"value": 3.0, "at_most": 2.0}
anything = st.one_of(
    st.floats(), st.integers(), st.none(), st.text(max_size=3), st.booleans(), st.complex_numbers(),
    st.just(np.array([1.0, 2.0])), st.just(np.float64("nan")), st.just(10**400),
)  # fmt: skip
checks = st.builds(
    Check,
    st.text(max_size=5),
    anything,
    at_most=anything.filter(lambda bound: bound is not None),
    at_least=anything,
    role=st.sampled_from(list(ROLES)),
    digits=st.integers(0, 5),
)


def verdict(**outcomes):
    """A verdict with checks of each role, one for each letter: p passes, f fails."""
    made = [
        Check(f"{role} {i}", **(GOOD if letter == "p" else BAD), role=role)
        for role, letters in outcomes.items()
        for i, letter in enumerate(letters)
    ]
    return Verdict("binning", made)


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ({"claim": "p"}, "holds"),
        ({"claim": "pp", "inside": "f", "counterexample": "f"}, "holds"),
        ({"claim": "p", "inside": "p", "counterexample": "fp"}, "holds within bounds"),
        ({"claim": "p", "counterexample": "p"}, "refuted"),
        ({"claim": "p", "inside": "f", "counterexample": "pf"}, "undecided"),
        ({"claim": "pf", "inside": "pp"}, "holds within bounds"),
        ({"claim": "f", "inside": "p", "counterexample": "p"}, "holds within bounds"),
        ({"claim": "f", "inside": "pf", "counterexample": "p"}, "refuted"),
        ({"claim": "f", "counterexample": "p"}, "refuted"),
        ({"claim": "f"}, "undecided"),
        ({"claim": "f", "counterexample": "f"}, "undecided"),
        ({"claim": "f", "counterexample": "pf"}, "undecided"),
        ({}, "undecided"),
    ],
)
def test_the_status_follows_from_the_checks(outcomes, status):
    assert verdict(**outcomes).status == status


@given(st.lists(checks, max_size=6))
@example([Check("rounds up to infinity", 1.797e308, at_most=-1.797e308, digits=1)])
def test_a_verdict_never_raises_and_its_bundle_is_strict_json(made):
    result = Verdict("binning", made)
    bundle = result._repr_mimebundle_()
    data = json.loads(json.dumps(bundle[MIME], allow_nan=False))
    assert data["status"] == result.status in STATUS_COLOURS
    assert "nan" not in bundle["text/plain"].lower().split()
    assert len(data["checks"]) == len(made)


@given(checks)
def test_a_check_passes_exactly_where_its_margin_is_a_number_not_below_zero(check):
    assert check.passed == (check.margin >= 0)
    if math.isnan(check.value):
        assert not check.passed


@pytest.mark.parametrize("value", [None, math.nan, "x", np.array([1.0, 2.0]), [1], 1j])
def test_what_is_no_number_fails(value):
    assert not Check("x", value, at_most=math.inf).passed
    assert not Check("x", 1.0, at_most=value if value is not None else math.nan).passed


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_both_bounds_are_closed(value, least, width):
    check = Check("x", value, at_least=least, at_most=least + width)
    assert check.passed == (least <= value <= least + width)
    assert Check("x", least, at_least=least).passed
    assert Check("x", least, at_most=least).passed


def test_infinities_compare_with_infinities():
    assert Check("x", math.inf, at_least=math.inf).passed
    assert not Check("x", math.inf, at_most=1.0).passed
    assert not Check("x", -math.inf, at_least=1.0).passed


@given(st.floats(1e-17, 9e-10), st.floats(1e-17, 9e-10))
def test_rounding_noise_on_one_side_of_the_bound_looks_the_same(one, other):
    bound = 1e-9
    shown = [Check("x", value, at_most=bound).as_json() for value in (one, -one, other, 0.0)]
    assert all(json.dumps(data) == json.dumps(shown[0]) for data in shown)
    assert shown[0]["value"] is None


@given(st.floats(1e-6, 1e6), st.floats(-1e-12, 1e-12))
def test_digits_that_are_shown_are_few(value, noise):
    shown = Check("x", value, at_most=1e7).shown
    assert float(shown) == pytest.approx(value, rel=0.006)
    assert len(shown.replace(".", "").lstrip("0").split("e")[0].rstrip("0")) <= 3


@pytest.mark.parametrize(
    ("value", "bounds", "shown"),
    [
        (3.1e-16, {"at_most": 1e-12}, "below 1e-12"),
        (3.1e-12, {"at_most": 1e-12}, "above 1e-12"),
        (0.0, {"at_most": 0.0}, "0"),
        (-0.0, {"at_most": 0.0}, "0"),
        (0.123456, {"at_least": 0.1}, "0.123"),
        (1.04e-5, {"at_most": 1.0}, "1.04e-5"),
        (12000, {"at_least": 1}, "12000"),
        (math.inf, {"at_least": 1}, "∞"),
        (None, {"at_most": 1}, "not a number"),
        (1e-17, {"at_least": -1, "at_most": 1}, "between"),
    ],
)
def test_what_is_shown(value, bounds, shown):
    assert Check("x", value, **bounds).shown == shown


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "below 1e-9"), (3.1e-17, "below 1e-9"), (0.123456, "0.123"), (math.nan, "nan")]
)
def test_a_difference_in_words_has_no_digits_that_are_rounding(value, words):
    assert in_words(value) == words


def test_no_digits_at_all_on_request():
    assert Check("x", 0.5, at_most=1.0, digits=0).shown == "below 1"
    assert Check("x", 0.5, at_least=0.25, digits=0).shown == "above 0.25"


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0213, "2 % of 100 clusters"),
        (0.0, "0 % of 100 clusters"),
        (0.001, "less than half a percent of 100 clusters"),
        (1, "100 % of 100 clusters"),
        (math.nan, "an unknown share of 100 clusters"),
        (None, "an unknown share of 100 clusters"),
    ],
)
def test_coverage_is_said_of_what_holds_within_bounds_alone(share, words):
    covered = Coverage(share, "100 clusters")
    assert str(covered) == words
    within = Verdict("binning", verdict(claim="f", inside="p").checks, coverage=covered)
    assert within.as_json()["coverage"] == words
    assert f"Covers {words}." in within.as_text()
    assert f"Covers {words}." in within.as_html()
    assert not Verdict("binning", verdict(claim="p", inside="p").checks, coverage=covered).as_json()["coverage"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({}, "at_most"), ({"at_most": 1, "role": "proof"}, "role"), ({"at_most": 1, "digits": -1}, "digits")],
)
def test_slips_of_an_author_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        Check("x", 1.0, **arguments)


def test_the_key_check_tells_about_the_status():
    assert verdict(claim="p").key.name == "claim 0"
    assert verdict(claim="f", inside="p").key.name == "inside 0"
    assert verdict(claim="f", counterexample="p").key.name == "counterexample 0"
    assert verdict(claim="pf").key.name == "claim 1"
    assert verdict().key is None
    assert verdict(claim="f", inside="p")["inside 0"].passed


@pytest.mark.parametrize("typed", ["<script>", "<b onclick='x'>", '"><img src=x onerror=y>', 555, ["<i>"]])
def test_html_escapes_what_was_typed_and_survives_what_is_no_text(typed):
    html = Verdict(typed, [Check(typed, 1, at_most=2)], note=typed).as_html()
    before = Verdict("typed", [Check("typed", 1, at_most=2)], note="typed").as_html()
    assert "None" not in Verdict("typed", [], note=None).as_html()
    tags = re.compile("<[^>]*>")
    assert tags.findall(html) == tags.findall(before)
    assert html.count(escape(str(typed))) == 3


def test_the_root_names_are_these():
    assert kdelab.Check is Check
    assert kdelab.Verdict is Verdict


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_a_constructor_of_its_name(role):
    make = getattr(kdelab, role)
    made, wanted = make("x", 0.5, at_least=0.25, digits=0), Check("x", 0.5, at_least=0.25, role=role, digits=0)
    assert made.as_json() == wanted.as_json()
    assert make("x", 0.123456, 1).as_json() == Check("x", 0.123456, at_most=1, role=role).as_json()
    with pytest.raises(ValueError, match="at_most"):
        make("x", 0.5)


def test_claims_are_registered_once_and_dated():
    assert len(BY_ID) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.who in ("Xor", "Kev", "kdelab")
        assert bool(claim.date) == (claim.who != "kdelab")
        assert claim.text.endswith(".")
        assert claim.meaning.endswith(".")
        assert claim.said


@pytest.mark.parametrize(
    ("error", "most", "expected"),
    [
        (0.0, 12, 12), (1e-16, 12, 12), (1e-12, 12, 12), (3e-12, 12, 11), (3e-12, 9, 9), (0.01, 12, 2), (-0.004, 12, 2),
        (0.9, 12, 0), (1.0, 12, 0), (7.0, 12, 0), (math.inf, 12, 0), (math.nan, 12, 0),
    ],
)  # fmt: skip
def test_digits_to_which_two_numbers_agree(error, most, expected):
    assert digits(error, most) == expected
