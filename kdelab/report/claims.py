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
        "With bandwidth 0.1 take 64 bins a target for a Laplace or Gaussian kernel; give boxes, which jump, 1,000.",
    ),
    Claim(
        "gradient",
        "Xor",
        _FIRST,
        "02-the-gradient",
        "For one bin, the derivative by a logit is the point's softmax weight minus its share of the density there; "
        "the target's gradient is the mean of that over its bins.",
        "Code the gradient as weight less mean share of the density on the target; a cluster's sum must be zero.",
    ),
    Claim(
        "softmax-limit",
        "Xor",
        _FIRST,
        "03-the-softmax-limit",
        "With a kernel that is either 1 (a match) or 0, the loss becomes the usual softmax cross-entropy: the gradient "
        "is S - 1 for a match and S for all others.",
        "With boxes, share the credit by weight among all that match; use a classifier's labels only where one does.",
    ),
    Claim(
        "common-scale",
        "Xor",
        _FIRST,
        "04-scale-of-the-kernel",
        "A factor common to all kernel values of a cluster doesn't matter, be all its points far or all near.",
        "A factor on all kernel values of a cluster changes nothing: a cluster that should pull less needs a smaller "
        "weight of its own.",
    ),
    Claim(
        "unnormalised-kernel",
        "Kev",
        _ANSWER,
        "04-scale-of-the-kernel",
        "The kernel doesn't have to be normalised.",
        "Leave the constant out if one fixed bandwidth serves all points; if each neighbour has its own width, divide "
        "by it.",
    ),
    Claim(
        "scaled-gradient",
        "Kev",
        _ANSWER,
        "04-scale-of-the-kernel",
        "More precisely, a kernel multiplied by a constant multiplies the gradient by that constant.",
        "Don't set the step size through the kernel: a constant on it does nothing.",
    ),
    Claim(
        "dropped-width",
        "Xor",
        _FIRST,
        "04-scale-of-the-kernel",
        "The factor 1/(b - a) before the integral can be set aside.",
        "Average over the bins of a target, don't add them up: else the widest targets count about a third more.",
    ),
    Claim(
        "equal-rate",
        "Xor",
        _FIRST,
        "05-near-and-far",
        "Two points equally near the target, or equally far from it, learn at the same effective rate.",
        "Nothing to change in a gun. In a proof, take a neighbour for its mirror image only where the target is one "
        "bin.",
    ),
    Claim(
        "far-as-near",
        "Xor",
        _FIRST,
        "05-near-and-far",
        "Against intuition, a cluster far from the target doesn't learn less than one that is near.",
        "Choose the kernel's tail for clusters far off: a Gaussian chases them, Laplace, logistic and Huber hold them "
        "level, Cauchy gives them up. At the distances in recorded battles the tail hardly matters.",
    ),
    Claim(
        "laplace-shift",
        "Xor",
        _FIRST,
        "06-the-laplace-shift",
        "With a Laplace kernel, the distance from the target's centre to the closest point can be subtracted from all "
        "distances without moving the gradient.",
        "Subtract the closest point's distance to the target's near edge, not to its centre, before you exponentiate.",
    ),
    Claim(
        "far-losses",
        "Kev",
        _ANSWER,
        "07-surfing-and-targeting",
        "Most losses, squared error for one, learn more from far points than from near ones.",
        "If far misses are to count for more, take a squared error; most other losses don't do that.",
    ),
    Claim(
        "chasing-surfs",
        "Kev",
        _ANSWER,
        "07-surfing-and-targeting",
        "Learning more from far points may suit surfing.",
        "Don't turn hard cases up in a surfer's training: one that went where it expected fewer shots was hit more "
        "often, the more the louder they were.",
    ),
    Claim(
        "giving-up-targets",
        "Kev",
        _ANSWER,
        "07-surfing-and-targeting",
        "Targeting may do better to give up on hard points and to work on those that one might hit.",
        "Whether softer hard cases help a gun isn't known: a hit or two in a hundred shots at most, and at robots "
        "that adapt they cost some.",
    ),
    Claim(
        "middle-ground",
        "Kev",
        _ANSWER,
        "07-surfing-and-targeting",
        "BeepBoop's loss is a middle ground that serves surfing and targeting decently.",
        "Take this loss for both jobs: louder hard cases cost hits, softer ones gain a hit or two in a hundred shots "
        "at most.",
    ),
    Claim(
        "hard-cases",
        "Xor",
        _HARD,
        "08-hard-cases",
        "A case with no point within the kernel's size is still worth learning from, as points may lie just outside.",
        "Don't train on cases without a near neighbour alone, and don't sort them out either: shuffled targets teach "
        "as much.",
    ),
    Claim(
        "retraining",
        "Xor",
        _HARD,
        "09-retraining",
        "Training again with neighbours found anew under the learned weights may turn hard cases into easy ones.",
        "Judge a retrieval by held-out loss, not by the hard cases that turn easy: most do so under random weights, "
        "too.",
    ),
    Claim(
        "per-point-sum",
        "Xor",
        _SUM,
        "10-the-per-point-sum",
        "A loss computed for each point alone and summed has another value but exactly the same gradient.",
        "Add up the density of the whole cluster before you take the logarithm; no loss of single neighbours "
        "replaces it.",
        withdrawn=True,
    ),
    Claim(
        "no-integral",
        "Xor",
        _SUM,
        "10-the-per-point-sum",
        "Neither an integral nor bins are needed.",
        "With a Laplace kernel use the closed form and no bins; with a Gaussian or Cauchy keep them. It needs the "
        "whole cluster either way.",
        withdrawn=True,
    ),
    Claim(
        "relative-closeness",
        "Xor",
        _SUM,
        "10-the-per-point-sum",
        "The predicted value itself is unimportant; what matters is how close the points are to the target compared "
        "with each other.",
        "Judge neighbours by their kernel values against each other, bin by bin; one number a neighbour will do only "
        "for a narrow target.",
        withdrawn=True,
    ),
    Claim(
        "repaired-sum",
        OURS,
        "",
        "10-the-per-point-sum",
        "A per-point sum does have the true gradient if the responsibilities, or the rest of the density, are held "
        "fixed.",
        "To train point by point, compute the cluster's density first and hold it fixed; take plain gradient steps, no "
        "line search.",
    ),
    Claim(
        "scattered-cluster",
        "Xor",
        _SUM,
        "11-shuffled-clusters",
        "The points of one prediction need not be in the same batch.",
        "Keep a prediction's neighbours in one batch.",
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
        "as-a-result",
        "Xor",
        _SUM,
        "11-shuffled-clusters",
        "It would follow from a loss that is a sum over points: then a cluster's points need not share a batch.",
        "Before you shuffle points, look for the softmax: a weight is known only beside all its neighbours.",
        withdrawn=True,
    ),
    Claim(
        "shuffled-predictions",
        OURS,
        "",
        "11-shuffled-clusters",
        "Batches of whole predictions, in any order, give an unbiased gradient.",
        "Let each batch hold whole predictions, in any order; nothing else is needed.",
    ),
    Claim(
        "two-passes",
        OURS,
        "",
        "11-shuffled-clusters",
        "With one pass for each cluster's sums and a second for the gradients, points may be scattered over batches at "
        "will, and the result is exact.",
        "If neighbours lie scattered over batches or machines, make two passes instead of normalising each part.",
    ),
    Claim(
        "exact-engine",
        OURS,
        "",
        "12-without-bins",
        "For the Laplace kernel, loss and gradient have a closed form that costs O(k) after one sort and is right to "
        "the last digits.",
        "With a Laplace kernel use the closed form, whatever the number of neighbours, and forget about bins.",
    ),
    Claim(
        "learned-gun",
        OURS,
        "",
        "13-a-gun-that-learns",
        "Feature weights trained with this loss predict held-out shots at robots that don't adapt better than the same "
        "gun untrained, with one tuned scale.",
        "Tune one scale first, it brings most. Trained weights surely add something: at most two hits in a hundred "
        "shots.",
    ),
    Claim(
        "learned-gun-surfers",
        OURS,
        "",
        "13-a-gun-that-learns",
        "Such weights predict shots at robots that adapt better than one tuned scale, too.",
        "At robots that adapt keep one tuned scale: weights from sample robots, or from early rounds of the same "
        "battle, add less than one hit in a hundred shots.",
    ),
    Claim(
        "point-of-rest",
        OURS,
        "",
        "14-where-it-comes-to-rest",
        "With free logits, every point at which training rests is the best there is, and the gradient bounds how far "
        "one is from it.",
        "With free weights S and gradient g, stop when log(1 + max(-g / S)), the nats left to gain, is small; g alone "
        "won't do: a starved neighbour has none.",
    ),
    Claim(
        "log-of-integral",
        OURS,
        "",
        "15-log-of-the-integral",
        "The negative log of the density's mass on the target is a loss without integral or bins whose gradient is "
        "nearly that of the thread's loss.",
        "If your targets are at most two bandwidths wide you may train on the log of the chance to hit: two values of "
        "the kernel's distribution function a neighbour, in log space.",
    ),
    Claim(
        "covers-the-target",
        OURS,
        "",
        "15-log-of-the-integral",
        "On a wide target the thread's loss wants all of it covered; the log of the integral puts all weight on the "
        "one point with the most mass there.",
        "For targets wider than two bandwidths take the thread's loss if the density is to cover them; the other bets "
        "all on one neighbour.",
    ),
    Claim(
        "log-of-integral-gun",
        OURS,
        "",
        "15-log-of-the-integral",
        "A gun trained on the log of the integral is as good as one trained on the thread's loss: it hits as often and "
        "predicts as well.",
        "At targets as wide as robots take either loss: their guns differ by less than one hit in a hundred shots, "
        "which is about as much as training gains.",
    ),
    Claim(
        "live-gun",
        OURS,
        "",
        "16-in-the-engine",
        "In real battles, too, learned powers hit more often than one tuned scale: at robots that they were trained "
        "on, and at robots never met.",
        "Train your gun on the very robots that it will meet: there it hits about two more of a hundred bullets than "
        "one tuned scale. Elsewhere probably less, and that isn't sure.",
    ),
    Claim(
        "replay-tells",
        OURS,
        "",
        "16-in-the-engine",
        "What a replay of another gun's battles says that a gun would hit is what it hits in the engine.",
        "Compare like guns in replay before you let them fight: in the mean of forty battles it was right to a hit and "
        "a half in a hundred bullets, in a single one it may be several off.",
    ),
    Claim(
        "head-start",
        OURS,
        "",
        "16-in-the-engine",
        "Learned weights are a head start: they are worth more in the first two rounds of a battle than later.",
        "Don't count on learned weights for the first rounds in particular: in forty battles they weren't seen to be "
        "worth more there than later.",
    ),
    Claim(
        "network-gun",
        OURS,
        "",
        "17-in-a-network",
        "A small embedding network beats fourteen learned weights: it hits more often and predicts better, at robots "
        "that it was trained on and at robots never seen.",
        "Take a network only for robots that you train on, and try exponents and shifts first: there it hits about one "
        "more of a hundred shots than fourteen weights, elsewhere no more.",
    ),
    Claim(
        "bins-train",
        OURS,
        "",
        "17-in-a-network",
        "In training sixteen bins are as good as the exact loss: guns hit as often and predict as well, with weights "
        "and with a network.",
        "Train on four bins or more, or on the exact loss: the gun is the same. Choose by what it costs; one bin alone "
        "is too few for a network.",
    ),
)

BY_ID: dict[str, Claim] = {claim.id: claim for claim in CLAIMS}


def of_notebook(stem: str) -> tuple[Claim, ...]:
    """Claims that the notebook of that stem judges, in the thread's order."""
    return tuple(claim for claim in CLAIMS if claim.notebook == stem)
