"""Verdicts: what a notebook measured about a claim, and the status that follows from it.

A :class:`Check` compares one measured number with its bound. A :class:`Verdict` collects the checks of one claim and
computes its status from them; nobody types a status. Both survive any measurement, NaN included: such a check fails.

Outputs are committed and compared to the letter on other machines, so a number is shown only as far as it is robust:
three digits where it is far above rounding noise, and otherwise only on which side of its bound it lies.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, NamedTuple

MIME = "application/vnd.kdelab.verdict+json"

Role = Literal["claim", "inside", "counterexample"]
Status = Literal["holds", "holds within bounds", "refuted", "undecided"]

ROLES: dict[str, str] = {
    "claim": "the claim as said",
    "inside": "inside the bounds",
    "counterexample": "counterexample",
}
SYMBOLS: dict[str, str] = {
    "holds": "✔",
    "holds within bounds": "◐",
    "refuted": "✘",
    "undecided": "?",
    "open": "○",
    "failed": "!",
}
# White text on each of these has a contrast of at least 4.5 to 1; none relies on red against green alone.
STATUS_COLOURS: dict[str, str] = {
    "holds": "#00734f",
    "holds within bounds": "#1f5fa8",
    "refuted": "#b23c00",
    "undecided": "#6b5a00",
    "open": "#5c6370",
    "failed": "#8c1d40",
}

NOISE = 1e-9  # below this, a number may be rounding error, and its digits differ from machine to machine


def _number(value: Any) -> float:
    """Return the value as a float; NaN for whatever is no real number (None, an array of several, text)."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _rounded(value: float, digits: int) -> float:
    rounded = float(f"{value:.{digits}g}") + 0.0  # + 0.0: no negative zero
    return rounded if math.isfinite(rounded) else value  # rounding up the largest numbers would overflow


def _text(value: float, digits: int = 3) -> str:
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    rounded = _rounded(value, digits)
    if 1e3 <= abs(rounded) < 1e7 and rounded.is_integer():
        return f"{rounded:.0f}"
    return f"{rounded:.{digits}g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def in_words(value: float) -> str:
    """Return a measured difference in three digits, or only that it is below what may be rounding noise."""
    return f"below {_text(NOISE)}" if value < NOISE else f"{value:.3g}"


def digits(error: float, most: int = 12) -> int:
    """Return to how many decimal places two numbers agree that differ by `error`; beyond `most` is rounding noise.

    Examples
    --------
    >>> digits(0.004), digits(3e-16), digits(0.7)
    (2, 12, 0)
    """
    if not abs(error) < 1:  # NaN, too
        return 0
    return most if abs(error) <= 10.0**-most else math.floor(-math.log10(abs(error)))


@dataclass(frozen=True, eq=False)
class Check:
    """One measured number against its bound.

    Parameters
    ----------
    name
        What was measured, in words.
    value
        The measured number. Anything that is no real number counts as NaN, and then the check fails.
    at_most, at_least
        The bounds, both closed; at least one is needed. A bound that is NaN fails the check.
    role
        ``"claim"``: the sentence as said; ``"inside"``: the sentence within a stated bound; ``"counterexample"``: a
        case in which the sentence fails, so that a *passing* check speaks against it.
    digits
        Significant digits that are the same on every machine; 0 shows only the side of the bound.

    Raises
    ------
    ValueError
        If there is no bound, the role is unknown, or `digits` is negative: slips of the author, never of a measurement.
    """

    name: str
    value: Any
    at_most: Any = None
    at_least: Any = None
    role: Role = "claim"
    digits: int = 3

    def __post_init__(self) -> None:
        if self.at_most is None and self.at_least is None:
            raise ValueError(f"at_most, at_least: check {self.name!r} has neither, it needs at least one bound")
        if self.role not in ROLES:
            raise ValueError(f"role: {self.role!r} given, allowed are {', '.join(ROLES)}")
        if self.digits < 0:
            raise ValueError(f"digits: {self.digits} given, allowed are 0 and more")
        object.__setattr__(self, "name", str(self.name))
        object.__setattr__(self, "value", _number(self.value))
        for side in ("at_most", "at_least"):
            if getattr(self, side) is not None:
                object.__setattr__(self, side, _number(getattr(self, side)))

    @property
    def margin(self) -> float:
        """Distance to the nearest bound: positive inside, negative outside, NaN where nothing can be compared."""
        room = []
        for bound, sign in ((self.at_most, 1), (self.at_least, -1)):
            if bound is not None:
                room.append(0.0 if bound == self.value else sign * (bound - self.value))
        return math.nan if any(map(math.isnan, room)) else min(room)

    @property
    def passed(self) -> bool:
        """Whether the value is a number and lies within its bounds."""
        return self.margin >= 0

    @property
    def robust(self) -> bool:
        """Whether digits of the value can be shown: it is finite and not as small as rounding noise."""
        return self.digits > 0 and math.isfinite(self.value) and not self._noisy

    @property
    def _noisy(self) -> bool:
        bounds = [bound for bound in (self.at_most, self.at_least) if bound is not None]
        # A zero that its own bound demands to be exact (a count, say) is exact.
        return abs(self.value) < NOISE and not (self.value == 0 and any(bound == 0 for bound in bounds))

    @property
    def bound(self) -> str:
        """The bounds in words, such as ``"at most 1e-12"``."""
        least = None if self.at_least is None else _text(self.at_least, 4)
        most = None if self.at_most is None else _text(self.at_most, 4)
        if least is not None and most is not None:
            return f"{least} to {most}"
        return f"at most {most}" if least is None else f"at least {least}"

    @property
    def shown(self) -> str:
        """The value as far as it is robust: digits, or the side of the bound on which it lies."""
        if self.robust or not math.isfinite(self.value):
            return _text(self.value, self.digits or 3)
        if self.at_most is not None and self.value > self.at_most:
            return f"above {_text(self.at_most, 4)}"
        if self.at_least is not None and self.value < self.at_least:
            return f"below {_text(self.at_least, 4)}"
        if self.passed and self.at_most is not None and self.at_least is not None:
            return "between"
        return f"below {_text(self.at_most, 4)}" if self.at_most is not None else f"above {_text(self.at_least, 4)}"

    @property
    def margin_shown(self) -> str:
        """The margin, two digits of it, where it is robust; else only whether there is one."""
        margin = self.margin
        if math.isfinite(margin) and self.robust and abs(margin) > NOISE:
            return _text(margin, 2)
        return "inside" if self.passed else "outside"

    def as_json(self) -> dict[str, Any]:
        """Return the check as plain JSON values; ``value`` is None where no digit of it is robust."""
        return {
            "name": self.name,
            "role": self.role,
            "value": _rounded(self.value, self.digits) if self.robust else None,
            "shown": self.shown,
            "bound": self.bound,
            "margin": self.margin_shown,
            "passed": self.passed,
        }


def claim(name: str, value: Any, at_most: Any = None, at_least: Any = None, digits: int = 3) -> Check:
    """Return a check of the sentence as said; parameters and errors as of `Check`."""
    return Check(name, value, at_most, at_least, "claim", digits)


def inside(name: str, value: Any, at_most: Any = None, at_least: Any = None, digits: int = 3) -> Check:
    """Return a check of the sentence within a stated bound; parameters and errors as of `Check`."""
    return Check(name, value, at_most, at_least, "inside", digits)


def counterexample(name: str, value: Any, at_most: Any = None, at_least: Any = None, digits: int = 3) -> Check:
    """Return a check of a case in which the sentence fails: passing speaks against it; all else as of `Check`."""
    return Check(name, value, at_most, at_least, "counterexample", digits)


class Coverage(NamedTuple):
    """How much of what was recorded lies inside the bound of a claim that holds within bounds.

    Attributes
    ----------
    share : float
        0 to 1; NaN where nobody knows.
    of : str
        What was counted, with its number: "2,000 recorded clusters".
    """

    share: float
    of: str

    def __str__(self) -> str:
        """Return the share in words: ``"2 % of 2,000 recorded clusters"``."""
        share = _number(self.share)
        if not 0 <= share <= 1:
            return f"an unknown share of {self.of}"
        if 0 < share < 0.005:
            return f"less than half a percent of {self.of}"
        return f"{100 * share:.0f} % of {self.of}"


@dataclass(frozen=True, eq=False)
class Verdict:
    """The measured answer to one claim.

    ======================  ==================================================================
    status                  when
    ======================  ==================================================================
    holds                   there are ``claim`` checks, all of them pass, and no ``counterexample`` does
    holds within bounds     else, where there are ``inside`` checks and all of them pass
    refuted                 else, where there are ``counterexample`` checks and all of them pass
    undecided               else
    ======================  ==================================================================

    Parameters
    ----------
    claim
        Its id in :mod:`kdelab.report.claims`.
    checks
        The measured checks, the telling one of each role first.
    note
        One sentence in words: the bound, or why it fails.
    measured
        A sentence for who reads nothing else: what was done to how many of what, what came out (number, unit,
        interval), and what it would have been otherwise. Numbers only as far as they are robust.
    coverage
        Of a claim that may hold within bounds: how much lies inside.
    """

    claim: str
    checks: Iterable[Check]
    note: str = ""
    measured: str = ""
    coverage: Coverage | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "checks", tuple(self.checks))
        for name in ("claim", "note", "measured"):
            object.__setattr__(self, name, str(getattr(self, name) or ""))

    def __getitem__(self, name: str) -> Check:
        """Return the check of that name; KeyError if there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def _all(self, role: Role) -> bool:
        mine = [check.passed for check in self.checks if check.role == role]
        return bool(mine) and all(mine)

    @property
    def status(self) -> Status:
        """The status that follows from the checks."""
        against = any(check.passed for check in self.checks if check.role == "counterexample")
        if self._all("claim") and not against:
            return "holds"
        if self._all("inside"):
            return "holds within bounds"
        return "refuted" if self._all("counterexample") else "undecided"

    @property
    def _covers(self) -> str:
        """The coverage in words; nothing where the claim doesn't hold within bounds."""
        return str(self.coverage) if self.coverage and self.status == "holds within bounds" else ""

    @property
    def key(self) -> Check | None:
        """The check that tells most about the status, for tables with room for one number."""
        telling = {"holds": "claim", "holds within bounds": "inside", "refuted": "counterexample"}
        role = telling.get(self.status)
        for check in self.checks:
            if check.role == role or (role is None and not check.passed):
                return check
        return None

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain JSON values, rounded to what is robust."""
        return {
            "claim": self.claim,
            "status": self.status,
            "note": self.note,
            "measured": self.measured,
            "coverage": self._covers,
            "key": self.key.name if self.key else None,
            "checks": [check.as_json() for check in self.checks],
        }

    def as_text(self) -> str:
        """Return the verdict as plain text, a line a check."""
        covers = f"Covers {self._covers}." if self._covers else ""
        lines = [f"{self.claim}: {self.status}", *(line for line in (self.measured, self.note, covers) if line)]
        for check in self.checks:
            mark = "passes" if check.passed else "fails"
            lines.append(f"  {mark:6} [{check.role}] {check.name}: {check.shown} ({check.bound})")
        return "\n".join(lines)

    def as_html(self) -> str:
        """Return the verdict as a small table that needs no style sheet."""
        return verdict_html(self.as_json())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.as_text(), "text/html": self.as_html(), MIME: self.as_json()}

    def __repr__(self) -> str:
        return self.as_text()


def badge_html(status: str) -> str:
    """Return the status as a coloured word with a symbol, so that colour is not needed to read it."""
    colour = STATUS_COLOURS.get(status, STATUS_COLOURS["open"])
    style = f"background:{colour};color:#fff;border-radius:1em;padding:.15em .7em;font-weight:600;white-space:nowrap"
    return f'<span class="badge" style="{style}">{SYMBOLS.get(status, "")} {escape(status)}</span>'


def verdict_html(data: dict[str, Any]) -> str:
    """Return HTML for a verdict in its JSON form."""
    rows = "".join(
        f"<tr><td>{'✔' if check['passed'] else '✘'}</td><td>{escape(check['name'])}</td>"
        f"<td>{escape(ROLES[check['role']])}</td><td>{escape(check['shown'])}</td>"
        f"<td>{escape(check['bound'])}</td><td>{escape(check['margin'])}</td></tr>"
        for check in data["checks"]
    )
    head = "".join(f"<th>{name}</th>" for name in ("", "what was measured", "speaks about", "value", "bound", "margin"))
    covers = f"Covers {data['coverage']}." if data["coverage"] else ""
    note = "".join(f"<p>{escape(line)}</p>" for line in (data["measured"], data["note"], covers) if line)
    return (
        f'<div class="verdict"><p><strong>Verdict</strong> on <em>{escape(data["claim"])}</em>: '
        f"{badge_html(data['status'])}</p>{note}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
