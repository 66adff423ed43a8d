"""How many claims hold, hold within bounds, are refuted or undecided: the thread's own, and ours apart from them."""

from collections.abc import Mapping

from kdelab.report.claims import BY_ID
from kdelab.report.verdicts import SYMBOLS

_WORDS = {
    "holds": ("holds", "hold"),
    "holds within bounds": ("holds within bounds", "hold within bounds"),
    "refuted": ("is refuted", "are refuted"),
    "undecided": ("is undecided", "are undecided"),
    "open": ("is open", "are open"),
    "failed": ("failed", "failed"),
}

Tally = dict[str, dict[str, int]]


def tally(statuses: Mapping[str, str]) -> Tally:
    """Return how many claims have each status, of "the thread" and of "ours"; what no registry knows is ours.

    Parameters
    ----------
    statuses
        By claim.
    """
    found: Tally = {}
    for whose in ("the thread", "ours"):
        mine = [status for claim, status in statuses.items() if _whose(claim) == whose]
        found[whose] = {status: mine.count(status) for status in SYMBOLS if status in mine}
    return found


def _whose(claim: str) -> str:
    return "the thread" if claim in BY_ID and BY_ID[claim].date else "ours"


def in_a_sentence(counted: Tally) -> str:
    """Return the tally as one sentence."""
    of_thread, of_ours = (sum(counted[whose].values()) for whose in ("the thread", "ours"))
    thread = f"Of the thread's own {of_thread} claims {_listed(counted['the thread'])}"
    return f"{thread}; of our {of_ours}, {_listed(counted['ours'])}." if of_ours else f"{thread}."


def _listed(numbers: Mapping[str, int]) -> str:
    parts = [f"{number} {_WORDS[status][number != 1]}" for status, number in numbers.items()] or ["none has a verdict"]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
