"""The thread, sentence by sentence and in our words: who said it when, what kind of sentence it is, what judges it.

A sentence of the thread that says two things stands here as two. Nothing is quoted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, Literal

from kdelab.report.claims import BY_ID
from kdelab.report.verdicts import STATUS_COLOURS, SYMBOLS, badge_html

MIME = "application/vnd.kdelab.thread+json"

Kind = Literal["claim", "definition", "opinion", "question", "remark"]

#: What a reader is told of each kind; a claim says its status instead.
KINDS: dict[str, str] = {
    "claim": "can be true or false, and has a verdict",
    "definition": "says what a word or a letter means",
    "opinion": "a preference; what can be measured of it is judged where it leads to",
    "question": "asks something",
    "remark": "says nothing that could be judged",
}


@dataclass(frozen=True)
class Sentence:
    """One sentence of the thread, in our words.

    Parameters
    ----------
    who, date
        Its author, and the ISO date of the post.
    text
        What it says.
    kind
        One of `KINDS`.
    claims
        Ids of the claims in :mod:`kdelab.report.claims` that it makes, the one that colours it first. Of a claim at
        least one, of all else none.
    notebook
        Stem of the notebook that says more of it; of a claim the claims know that.
    note
        A word of ours on what is no claim.
    """

    who: str
    date: str
    text: str
    kind: Kind = "claim"
    claims: tuple[str, ...] = ()
    notebook: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: {self.kind!r} given, allowed are {', '.join(KINDS)}")
        if bool(self.claims) != (self.kind == "claim"):
            raise ValueError(f"claims: {self.claims!r} given for a {self.kind}; a claim has some, all else none")
        if bool(self.notebook) == bool(self.claims):
            raise ValueError(f"notebook: {self.notebook!r} given; needed is one for all but a claim")

    @property
    def notebooks(self) -> tuple[str, ...]:
        """Stems of the notebooks that it leads to."""
        return tuple(dict.fromkeys(BY_ID[claim].notebook for claim in self.claims)) or (self.notebook,)


_FIRST, _ANSWER, _HARD, _SUM = (
    ("Xor", "2022-02-05"),
    ("Kev", "2022-02-10"),
    ("Xor", "2022-02-11"),
    ("Xor", "2022-03-13"),
)

SENTENCES: tuple[Sentence, ...] = (
    Sentence(
        *_FIRST,
        "The loss in question, and a formula for it: the cross-entropy between a uniform target and a kernel density "
        "estimate whose weights are a softmax.",
        "definition",
        notebook="01-the-loss",
    ),
    Sentence(
        *_FIRST,
        "Its letters: a and b for the ends of the target, K for a kernel that integrates to one, x_j for the place of "
        "point j, z_j for its logit.",
        "definition",
        notebook="01-the-loss",
    ),
    Sentence(*_FIRST, "The integral is usually worked out by numbers, with bins for instance.", claims=("binning",)),
    Sentence(
        *_FIRST,
        "So it is enough to look at one bin, and to leave out the factor 1 / (b - a) in front.",
        claims=("dropped-width",),
    ),
    Sentence(
        *_FIRST,
        "A formula: the derivative by a point's logit is its softmax weight less its share of the density in the bin.",
        claims=("gradient",),
    ),
    Sentence(
        *_FIRST,
        "Where the kernel is only ever 1, for a match, or 0, this is a classifier's usual cross-entropy with softmax: "
        "the weight minus one for a match, the bare weight for all others.",
        claims=("softmax-limit",),
    ),
    Sentence(*_FIRST, "S_i is the softmax weight of point i.", "definition", notebook="02-the-gradient"),
    Sentence(
        *_FIRST,
        "For other kernels it becomes interesting.",
        "remark",
        notebook="03-the-softmax-limit",
        note="03 shows where the kernel of ones and zeros ends.",
    ),
    Sentence(
        *_FIRST,
        "A scale that all kernel values share has no effect at all, be all points far from the target or all near.",
        claims=("common-scale",),
    ),
    Sentence(
        *_FIRST,
        "Two points that are equally near the target, or equally far from it, learn at the same effective rate.",
        claims=("equal-rate",),
    ),
    Sentence(
        *_FIRST,
        "Against intuition, then, a cluster far from the target learns no less than one that is near.",
        claims=("far-as-near",),
    ),
    Sentence(
        *_FIRST,
        "With a Laplace kernel there is more: the distance from the target's centre to the closest point may be "
        "taken off all points' distances, and the gradient stays.",
        claims=("laplace-shift",),
    ),
    Sentence(
        *_FIRST,
        "As a picture: all points walk towards the centre at one speed, and stop when the first of them gets there.",
        claims=("laplace-shift",),
    ),
    Sentence(*_ANSWER, "Interesting.", "remark", notebook="00-start-here"),
    Sentence(
        *_ANSWER,
        "That the loss doesn't see the kernel's scale looks like a good property.",
        "opinion",
        notebook="04-scale-of-the-kernel",
        note="The property is judged there; whether it is good depends on what one wants.",
    ),
    Sentence(*_ANSWER, "So the kernel needs no normalising.", claims=("unnormalised-kernel",)),
    Sentence(
        *_ANSWER,
        "Or, to be exact, a constant times the kernel gives that constant times the gradient.",
        claims=("scaled-gradient",),
    ),
    Sentence(
        *_ANSWER,
        "And that is how one would want it.",
        "opinion",
        notebook="04-scale-of-the-kernel",
        note="It isn't how this loss behaves; 04 shows the loss of which it is true.",
    ),
    Sentence(
        *_ANSWER,
        "Most losses, squared error for one, learn more from points far off than from close ones.",
        claims=("far-losses",),
    ),
    Sentence(*_ANSWER, "For surfing that may be just right.", claims=("chasing-surfs",)),
    Sentence(
        *_ANSWER,
        "For targeting one may want the opposite: give up on what is hard, and work on what could become a hit.",
        claims=("giving-up-targets",),
    ),
    Sentence(
        *_ANSWER,
        "So BeepBoop's loss may be a compromise that serves both decently.",
        claims=("middle-ground",),
    ),
    Sentence(
        *_HARD, "The thoughts on surfing and targeting are inspiring.", "remark", notebook="07-surfing-and-targeting"
    ),
    Sentence(
        *_HARD,
        "A hard case, with no point within the kernel's reach, is worth keeping all the same: some point may lie just "
        "outside.",
        claims=("hard-cases",),
    ),
    Sentence(
        *_HARD,
        "And training again and again, each time with the new weights, may make an easy case of it in the end.",
        claims=("retraining",),
    ),
    Sentence(
        *_HARD,
        "Does Kev do something like that?",
        "question",
        notebook="09-retraining",
        note="Nobody answered, and BeepBoop's trainer was never published. 09 tries what was asked about.",
    ),
    Sentence(*_SUM, "One thing more.", "remark", notebook="10-the-per-point-sum"),
    Sentence(*_SUM, "Neither the integral nor bins are needed.", claims=("no-integral",)),
    Sentence(*_SUM, "Each point's loss can be computed by itself, and these summed.", claims=("per-point-sum",)),
    Sentence(*_SUM, "The loss comes out another, the gradient exactly the same.", claims=("per-point-sum",)),
    Sentence(
        *_SUM,
        "From this one learns that the predicted value in itself is of no account; what counts is how close the points "
        "are to the target, one against another.",
        claims=("relative-closeness",),
    ),
    Sentence(
        *_SUM,
        "Hence the points behind one prediction need not come in one batch.",
        claims=("as-a-result", "scattered-cluster"),
    ),
    Sentence(
        *_SUM,
        "All can be shuffled freely, and in theory the result stays the same.",
        claims=("shuffled-points",),
    ),
    Sentence(
        *_SUM,
        "The calculation was wrong.",
        "remark",
        notebook="10-the-per-point-sum",
        note="So the post is withdrawn, on the day it was written. 10 looks for what is left of it.",
    ),
)


def posts(statuses: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the thread post by post, as plain JSON values, with what is known of each claim.

    Parameters
    ----------
    statuses
        By claim; one that isn't there is open.
    """
    found = []
    for (who, date), sentences in groupby(SENTENCES, lambda sentence: (sentence.who, sentence.date)):
        year, month, day = date.split("-")
        when = f"{int(day)} {({'02': 'February', '03': 'March'})[month]} {year}"
        found.append({"who": who, "when": when, "sentences": [_told(sentence, statuses) for sentence in sentences]})
    return found


def _told(sentence: Sentence, statuses: Mapping[str, str]) -> dict[str, Any]:
    claims = [{"id": claim, "status": statuses.get(claim, "open")} for claim in sentence.claims]
    return {
        "text": sentence.text,
        "kind": sentence.kind,
        "note": sentence.note,
        "claims": claims,
        "notebooks": list(sentence.notebooks),
    }


class AnnotatedThread:
    """The thread as a notebook shows it: text, HTML that needs no style sheet, and the JSON that pages are drawn from.

    Parameters
    ----------
    statuses
        As of `posts`.
    """

    def __init__(self, statuses: Mapping[str, str]) -> None:
        self.posts = posts(statuses)

    def as_text(self) -> str:
        """Return a line a sentence."""
        lines = []
        for post in self.posts:
            lines.append(f"{post['who']}, {post['when']}")
            for told in post["sentences"]:
                marks = "; ".join(f"{SYMBOLS[c['status']]} {c['status']}" for c in told["claims"]) or told["kind"]
                where = ", ".join(stem[:2] for stem in told["notebooks"])
                lines.append(f"  [{marks}] {' '.join(filter(None, (told['text'], told['note'])))} ({where})")
        return "\n".join(lines)

    def as_html(self) -> str:
        """Return HTML with its colours in it."""
        return "".join(
            f"<h4>{post['who']}, {post['when']}</h4>{''.join(map(_sentence_html, post['sentences']))}"
            for post in self.posts
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.as_text(), "text/html": self.as_html(), MIME: {"posts": self.posts}}

    def __repr__(self) -> str:
        return self.as_text()


def _sentence_html(told: Mapping[str, Any]) -> str:
    colour = STATUS_COLOURS[told["claims"][0]["status"]] if told["claims"] else "#c6cad1"
    marks = " ".join(badge_html(claim["status"]) for claim in told["claims"]) or f"<em>{told['kind']}</em>"
    links = ", ".join(f'<a href="{stem}.ipynb">{stem[:2]}</a>' for stem in told["notebooks"])
    note = f" <em>{escape(told['note'])}</em>" if told["note"] else ""
    style = f"border-left:5px solid {colour};padding:.1em 0 .1em .8em;margin:.5em 0"
    return f'<p style="{style}">{escape(told["text"])}{note}<br>{marks} {links}</p>'
