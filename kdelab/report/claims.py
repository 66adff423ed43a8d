"""Every claim of the thread, sentence by sentence and in our words, and our own beside them.

A claim is *open* until its notebook stands in ``notebooks/`` and has displayed a verdict with the claim's id.
"""

from dataclasses import dataclass

THREAD = "https://robowiki.net/wiki/Talk:BeepBoop/Understanding_BeepBoop"
OURS = "kdelab"


@dataclass(frozen=True)
class Claim:
    """One claim: who made it and when, what it says, where it is judged, and what it means for a gun.

    Parameters
    ----------
    id
        Short name, used by verdicts and links.
    who
        ``"Xor"``, ``"Kev"`` or ``"kdelab"`` for our own.
    date
        ISO date of the post; empty for our own.
    notebook
        Stem of the notebook that judges it.
    text
        The claim in our words.
    meaning
        One line for someone who trains a gun or a surfer.
    withdrawn
        Whether its author took it back.
    """

    id: str
    who: str
    date: str
    notebook: str
    text: str
    meaning: str
    withdrawn: bool = False

    @property
    def said(self) -> str:
        """Who said it and when, in words."""
        if not self.date:
            return "ours"
        year, month, day = self.date.split("-")
        name = {"02": "Feb", "03": "Mar"}[month]
        return f"{self.who}, {int(day)} {name} {year}" + (", withdrawn" if self.withdrawn else "")


_FIRST, _ANSWER, _HARD, _SUM = "2022-02-05", "2022-02-10", "2022-02-11", "2022-03-13"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "binning",
        "Xor",
        _FIRST,
        "01-the-loss",
        "The cross-entropy between the uniform target and the kernel density can be computed by cutting the target "
        "into bins.",
        "Bins work; know how many your kernel needs, or do without them.",
    ),
    Claim(
        "gradient",
        "Xor",
        _FIRST,
        "02-the-gradient",
        "For one bin, the derivative by a logit is the point's softmax weight minus its share of the density there; "
        "the target's gradient is the mean of that over its bins.",
        "A point gains weight where it explains more of the target than its weight promises.",
    ),
    Claim(
        "softmax-limit",
        "Xor",
        _FIRST,
        "03-the-softmax-limit",
        "With a kernel that is either 1 (a match) or 0, the loss becomes the usual softmax cross-entropy: the gradient "
        "is S - 1 for a match and S for all others.",
        "A hard-edged kernel turns the gun into a classifier, with that one's cliffs.",
    ),
    Claim(
        "common-scale",
        "Xor",
        _FIRST,
        "04-scale-of-the-kernel",
        "A factor common to all kernel values of a cluster doesn't matter, be all its points far or all near.",
        "How plausible the whole cluster is has no say in how hard it pulls.",
    ),
    Claim(
        "unnormalised-kernel",
        "Kev",
        _ANSWER,
        "04-scale-of-the-kernel",
        "The kernel doesn't have to be normalised.",
        "Leave the constant out of the kernel; training won't notice.",
    ),
    Claim(
        "scaled-gradient",
        "Kev",
        _ANSWER,
        "04-scale-of-the-kernel",
        "More precisely, a kernel multiplied by a constant multiplies the gradient by that constant.",
        "That is another loss; this one's step size can't be set through the kernel.",
    ),
    Claim(
        "equal-rate",
        "Xor",
        _FIRST,
        "05-near-and-far",
        "Two points equally near the target, or equally far from it, learn at the same effective rate.",
        "Only distance counts, as long as the target is narrow.",
    ),
    Claim(
        "far-as-near",
        "Xor",
        _FIRST,
        "05-near-and-far",
        "Against intuition, a cluster far from the target doesn't learn less than one that is near.",
        "The kernel's tail sets how hard hopeless situations pull at the weights.",
    ),
    Claim(
        "laplace-shift",
        "Xor",
        _FIRST,
        "06-the-laplace-shift",
        "With a Laplace kernel, the distance from the target's centre to the closest point can be subtracted from all "
        "distances without moving the gradient.",
        "Laplace guns learn from order and gaps, not from how far off the whole cluster was.",
    ),
    Claim(
        "far-losses",
        "Kev",
        _ANSWER,
        "07-surfing-and-targeting",
        "Most losses, squared error for one, learn more from far points than from near ones.",
        "Before you blame the data, ask which errors your loss listens to.",
    ),
    Claim(
        "giving-up",
        "Kev",
        _ANSWER,
        "07-surfing-and-targeting",
        "Learning from far points may suit surfing; targeting may do better to give up on hard cases and to work on "
        "those that could become hits.",
        "Don't train a gun to give up, nor a surfer to chase: neither gains.",
    ),
    Claim(
        "middle-ground",
        "Kev",
        _ANSWER,
        "07-surfing-and-targeting",
        "BeepBoop's loss is a middle ground that serves surfing and targeting decently.",
        "One loss for both jobs, and the tail to tune it with.",
    ),
    Claim(
        "hard-cases",
        "Xor",
        _HARD,
        "08-hard-cases",
        "A case with no point within the kernel's size is still worth learning from, as points may lie just outside.",
        "Spend no effort on the situations your gun is bad at: neither drop them nor train on them alone.",
    ),
    Claim(
        "retraining",
        "Xor",
        _HARD,
        "09-retraining",
        "Training again with neighbours found anew under the learned weights may turn hard cases into easy ones.",
        "Don't retrain in the hope that hard cases melt away; ask for more neighbours.",
    ),
    Claim(
        "per-point-sum",
        "Xor",
        _SUM,
        "10-the-per-point-sum",
        "A loss computed for each point alone and summed has another value but exactly the same gradient.",
        "No shortcut: a point's gradient needs the density of its whole cluster.",
        withdrawn=True,
    ),
    Claim(
        "no-integral",
        "Xor",
        _SUM,
        "10-the-per-point-sum",
        "Neither an integral nor bins are needed.",
        "A Laplace cluster on one side of the target needs neither; and the closed form never does.",
        withdrawn=True,
    ),
    Claim(
        "relative-closeness",
        "Xor",
        _SUM,
        "10-the-per-point-sum",
        "The predicted value itself is unimportant; what matters is how close the points are to the target compared "
        "with each other.",
        "The insight outlives the calculation it was drawn from.",
        withdrawn=True,
    ),
    Claim(
        "repaired-sum",
        OURS,
        "",
        "10-the-per-point-sum",
        "A per-point sum does have the true gradient if the responsibilities, or the rest of the density, are held "
        "fixed.",
        "Expectation-maximisation: separate sums, but only after one look at the whole cluster.",
    ),
    Claim(
        "scattered-cluster",
        "Xor",
        _SUM,
        "11-shuffled-clusters",
        "The points of one prediction need not be in the same batch.",
        "Keep a prediction's neighbours together.",
        withdrawn=True,
    ),
    Claim(
        "shuffled-points",
        "Xor",
        _SUM,
        "11-shuffled-clusters",
        "All points of all clusters can be shuffled without a change of the result.",
        "Shuffle predictions, not points.",
        withdrawn=True,
    ),
    Claim(
        "shuffled-predictions",
        OURS,
        "",
        "11-shuffled-clusters",
        "Batches of whole predictions, in any order, give an unbiased gradient.",
        "The ordinary minibatch is right as it is.",
    ),
    Claim(
        "two-passes",
        OURS,
        "",
        "11-shuffled-clusters",
        "With one pass for each cluster's sums and a second for the gradients, points may be scattered over batches at "
        "will, and the result is exact.",
        "If clusters don't fit in memory, pay with a second pass, not with bias.",
    ),
    Claim(
        "exact-engine",
        OURS,
        "",
        "12-without-bins",
        "For the Laplace kernel, loss and gradient have a closed form that costs O(k) after one sort and is right to "
        "the last digits.",
        "Drop the bins: exact costs less than 16 of them.",
    ),
    Claim(
        "learned-gun",
        OURS,
        "",
        "13-a-gun-that-learns",
        "Feature weights trained with this loss predict held-out shots better than the same gun untrained.",
        "A few hundred waves make a gun that hits more often; against surfers, one battle can't say.",
    ),
    Claim(
        "point-of-rest",
        OURS,
        "",
        "14-where-it-comes-to-rest",
        "With free logits, every point at which training rests is the best there is, and the gradient bounds how far "
        "one is from it.",
        "A stopping rule with a guarantee, and a rule for the bandwidth.",
    ),
)

BY_ID: dict[str, Claim] = {claim.id: claim for claim in CLAIMS}


def of_notebook(stem: str) -> tuple[Claim, ...]:
    """Claims that the notebook of that stem judges, in the thread's order."""
    return tuple(claim for claim in CLAIMS if claim.notebook == stem)
