"""Notebook 11 under wrong libraries: a normaliser dropped, sums without their scale, parts that see only themselves."""

import numpy as np
import pytest
from sabotage import assert_caught, slow_but_first

from kdelab.loss.clusters import Batch, Clusters
from kdelab.loss.scattered.laplace import ScatteredLaplace
from kdelab.loss.scattered.quadrature import ScatteredQuadrature
from kdelab.loss.scattered.sums import LogSums
from kdelab.loss.scattered.two_pass import TwoPass
from kdelab.study import rivals
from kdelab.study.shuffled import NormalisedInParts

pytestmark = pytest.mark.xdist_group("11")

SMALL = {"predictions": 30, "repeats": 12, "neighbours": 16, "crowd": 1000}


SCHEMES = (ScatteredQuadrature, ScatteredLaplace)


def gradients(change):
    """Two passes whose second one returns ``change(self, part, logits, whole, honest)``."""

    def wrong(monkeypatch):
        for scheme in SCHEMES:
            honest = scheme.gradient
            monkeypatch.setattr(
                scheme,
                "gradient",
                lambda self, part, logits, whole, honest=honest: change(self, part, logits, whole, honest),
            )

    return wrong


def no_normaliser(self, part, logits, whole, honest):
    """Minus the responsibilities alone: the softmax's own pull is forgotten."""
    return honest(self, part, logits, whole) - np.exp(logits - whole.log_weight[part.prediction])


def one_part_only(self, part, logits, whole, honest):
    """The second pass divides by the density that its own part sees."""
    if isinstance(self, ScatteredQuadrature):
        whole = whole._replace(log_density=self.sums(part, logits).density.log())
    return honest(self, part, logits, whole)


def three_percent_long(self, part, logits, whole, honest):
    return 1.03 * honest(self, part, logits, whole)


def merge_without_scale(monkeypatch):
    """Sums are added as they are, whatever exponent they were divided by."""
    monkeypatch.setattr(
        LogSums,
        "merge",
        lambda self, other: LogSums(np.maximum(self.top, other.top), self.scaled + other.scaled),
    )


def merge_not_in_log_space(monkeypatch):
    """Sums are added as plain numbers, kept from overflowing and from vanishing by force."""

    def merge(self, other):
        with np.errstate(divide="ignore"):
            both = np.exp(np.clip(self.log(), -700, 700)) + np.exp(np.clip(other.log(), -700, 700))
        return LogSums(np.zeros_like(both), both)

    monkeypatch.setattr(LogSums, "merge", merge)


def mended_shortcut(monkeypatch):
    """Pieces that secretly know the whole cluster."""
    honest = NormalisedInParts.__init__

    def prepare(self, parts, kernel, *rest):
        honest(self, parts, kernel, *rest)
        self.true = TwoPass(parts, kernel).value_and_grad

    monkeypatch.setattr(NormalisedInParts, "__init__", prepare)
    monkeypatch.setattr(NormalisedInParts, "value_and_grad", lambda self, logits: self.true(logits))


def five_percent_more(monkeypatch):
    honest = NormalisedInParts.value_and_grad

    def value_and_grad(self, logits):
        values, gradient = honest(self, logits)
        return values, 1.05 * gradient

    monkeypatch.setattr(NormalisedInParts, "value_and_grad", value_and_grad)


def linear_loss(change):
    """A linear loss, -sum S K, whose gradient is ``change(logits, kernel values, gradient)`` in every bin."""

    def wrong(monkeypatch):
        honest = rivals.Power.per_bin

        def per_bin(self, logits, log_weight):
            value, gradient = honest(self, logits, log_weight)
            return value, change(logits, np.exp(self.log_kernel), gradient) if self.alpha == 1 else gradient

        monkeypatch.setattr(rivals.Power, "per_bin", per_bin)

    return wrong


def without_a_softmax(logits, kernel_values, gradient):
    """Minus the point's own exp(z) K: a sum that could be shuffled."""
    return -np.exp(logits) * kernel_values


def four_percent_steep(logits, kernel_values, gradient):
    return 1.04 * gradient


def batches(change):
    """Minibatches of which one prediction in each is changed."""

    def wrong(monkeypatch):
        honest = Clusters.minibatches

        def minibatches(self, rng, size):
            for batch in honest(self, rng, size):
                yield change(self, batch)

        monkeypatch.setattr(Clusters, "minibatches", minibatches)

    return wrong


def one_forgotten(clusters, batch):
    kept = batch.predictions[: max(1, len(batch.predictions) - 1)]
    return Batch(clusters.take(kept), kept, clusters.rows(kept))


def targets_moved_a_little(clusters, batch):
    c = batch.clusters
    return batch._replace(clusters=Clusters(c.points, c.offsets, c.lower + 1e-3, c.upper + 1e-3))


@pytest.mark.parametrize(
    ("claim", "check", "wrong"),
    slow_but_first(
        [
            ("two-passes", "gradient in two passes against whole clusters, all kernels", gradients(three_percent_long)),
            ("scattered-cluster", "library against fractions", five_percent_more),
            ("as-a-result", "linear loss of two points, g_1, -1/9", linear_loss(four_percent_steep)),
            (
                "shuffled-predictions",
                "error of an epoch's sum against the whole gradient",
                batches(targets_moved_a_little),
            ),
            ("two-passes", "gradient in two passes against whole clusters, all kernels", gradients(no_normaliser)),
            ("two-passes", "gradient in two passes against whole clusters, all kernels", gradients(one_part_only)),
            ("two-passes", "loss in two passes against whole clusters, all kernels", merge_without_scale),
            ("two-passes", "the same with logits of hundreds", merge_not_in_log_space),
            ("scattered-cluster", "lower end of its 95 % interval, pieces of 8", mended_shortcut),
            ("shuffled-points", "lower end of its 95 % interval, 16 batches", mended_shortcut),
            ("as-a-result", "lower end of its 95 % interval", linear_loss(without_a_softmax)),
            ("shuffled-predictions", "error of an epoch's sum against the whole gradient", batches(one_forgotten)),
        ],
        claim=lambda case: case[0],
    ),
    ids=[
        "3 % too long",
        "pieces 5 % too long",
        "a linear loss 4 % too steep",
        "targets moved by a thousandth",
        "normaliser dropped",
        "responsibilities from one part",
        "merged without scale",
        "merged outside log space",
        "shortcut mended, cut",
        "shortcut mended, shuffled",
        "a sum without a softmax",
        "a prediction forgotten",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(claim, check, wrong):
    assert_caught("11-shuffled-clusters.ipynb", claim, check, wrong, **SMALL)


def test_two_passes_without_the_log_are_finite_and_wrong(monkeypatch):
    """The sabotage above must not be caught by an infinity."""
    clusters = Clusters.from_lists([[-0.9, 0.0, 0.1]], [0.0], [0.1])
    logits = np.array([0.0, 500.0, -500.0])
    from kdelab.loss.kernels import Gaussian

    merge_not_in_log_space(monkeypatch)
    values, gradient = TwoPass(clusters.cut([0, 1, 2], 3), Gaussian(0.1)).value_and_grad(logits)
    assert np.isfinite(values).all()
    assert np.isfinite(gradient).all()
