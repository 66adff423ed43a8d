"""The eight questions of docs/preregistration.md: what was decided of each, and with all eight corrected for.

``python -m kdelab.report.decisions`` prints the table that stands there.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from kdelab.gun.compare import cells, learned
from kdelab.gun.compare.cells import of_set
from kdelab.gun.compare.censored import UNLEARNED
from kdelab.gun.compare.hard import DECIDED_AT
from kdelab.report.decisions import censored, dial, hard_cases, learned_gun, retraining
from kdelab.report.verdicts import Check, Verdict, counterexample

ALPHA = 0.05
CONFIRM, SURFERS = "confirm", "surfers, new"


def _dial(level: float) -> dict[str, dial.Exam]:
    table = cells.load("dial")
    return {
        job: dial.Exam(job, of_set(table[table["job"] == job], name), level)
        for job, name in (("gun", CONFIRM), ("surfer", SURFERS))
    }


def _chasing(level: float) -> list[Check]:
    return dial.turning_pays(_dial(level)["surfer"], dial.CHASING)


def _giving_up(level: float) -> list[Check]:
    return dial.turning_pays(_dial(level)["gun"], dial.GIVING_UP)


def _middle(level: float) -> list[Check]:
    return dial.decent(_dial(level))


def _hard_cases(level: float) -> list[Check]:
    table = of_set(cells.load("hard"), CONFIRM)
    found = hard_cases.contrasts(table[table["neighbours"] == DECIDED_AT], level)
    return [*hard_cases.checks(found), counterexample("a box kernel's force", 0.0, at_most=0)]


def _retraining(level: float) -> list[Check]:
    table = of_set(cells.load("retraining"), CONFIRM)
    return retraining.checks(retraining.contrasts(table[table["neighbours"] == DECIDED_AT], level))


def _learned(level: float) -> list[Check]:
    return learned_gun.checks(of_set(cells.load("learned"), CONFIRM), learned.UNSEEN, learned.SEEN, level=level)


def _learned_surfers(level: float) -> list[Check]:
    table = of_set(cells.load("learned"), SURFERS)
    return learned_gun.checks(table, learned.ADAPT_UNSEEN, learned.ADAPT_SEEN, dealt=False, level=level)


def _censored(level: float) -> list[Check]:
    table = of_set(cells.load("censored"), CONFIRM)
    return censored.checks(censored.contrasts(table, level=level), censored.contrasts(table, UNLEARNED, level))


#: What cells say of each claim, with intervals of some level; without the guards of the notebooks.
QUESTIONS: dict[str, Callable[[float], list[Check]]] = {
    "chasing-surfs": _chasing,
    "giving-up-targets": _giving_up,
    "middle-ground": _middle,
    "hard-cases": _hard_cases,
    "retraining": _retraining,
    "learned-gun": _learned,
    "learned-gun-surfers": _learned_surfers,
    "log-of-integral-gun": _censored,
}


class Answer(NamedTuple):
    """What was decided of a question.

    Attributes
    ----------
    status : str
        With intervals of 95 %.
    level : int
        The greatest m for which it is the same with intervals of 1 - 0.05 / m; 0 if it is undecided.
    corrected : bool
        Whether it stands with all questions corrected for, by Holm.
    """

    status: str
    level: int
    corrected: bool


def answers(questions: Mapping[str, Callable[[float], list[Check]]] = QUESTIONS) -> dict[str, Answer]:
    """Return what was decided of each question.

    Holm's correction of n questions: the surest must stand at 1 - 0.05 / n, the next at 1 - 0.05 / (n - 1), and so on,
    until one doesn't; neither do those after it.
    """
    statuses, levels = {}, {}
    for name, checks in questions.items():
        said = [Verdict(name, checks(1 - ALPHA / m)).status for m in range(1, len(questions) + 1)]
        statuses[name] = said[0]
        differs = [m for m, status in enumerate(said, 1) if status != said[0]]
        levels[name] = 0 if said[0] == "undecided" else min(differs, default=len(questions) + 1) - 1
    stands: set[str] = set()
    for name in sorted(questions, key=lambda name: -levels[name]):
        if levels[name] < len(questions) - len(stands):
            break
        stands.add(name)
    return {name: Answer(statuses[name], levels[name], name in stands) for name in questions}


def table(found: Mapping[str, Answer]) -> str:
    """Return the answers as a table in Markdown."""
    lines = ["| claim | decided | at once for all eight (Holm) |", "|---|---|---|"]
    for name, answer in found.items():
        said = "-" if not answer.level else "stands" if answer.corrected else "doesn't stand"
        lines.append(f"| `{name}` | {answer.status} | {said} |")
    return "\n".join(lines)
