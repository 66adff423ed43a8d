"""Wrong libraries that left a notebook's verdict unmoved, and the unit test that notices each of them.

The number is the notebook's.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import test_by_hand
import test_cross_entropy
import test_rest
import test_rivals
import test_shortcuts
import test_targets
from sabotage import assert_noticed, changed_gradient, instead, prepared_with
from test_rest import batch as toy_clusters  # noqa: F401, a fixture
from test_rivals import batch as few_clusters  # noqa: F401, a fixture

import kdelab
from kdelab.gun.model import NeighbourModel
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import hard, rest, rivals, shortcuts


def moved(clusters, lower, upper):
    return Clusters(clusters.points, clusters.offsets, lower, upper)


def centre(clusters):
    return (clusters.lower + clusters.upper) / 2


def as_wide_as_the_first(clusters, kernel, rule):
    half = (clusters.upper[:1] - clusters.lower[:1]) / 2
    return moved(clusters, centre(clusters) - half, centre(clusters) + half), kernel


def at_the_centre(kind, loss, logits, right):
    one_bin = moved(loss.clusters, centre(loss.clusters), centre(loss.clusters))
    wrong = rivals.Power(one_bin, loss.kernel).value_and_grad(logits)[1]
    return wrong if isinstance(loss.kernel, kind) else right


def pull_in_full(loss, logits, right):
    """S - mean r, though with a background the r sum to R < 1: too much by S (1 - mean R)."""
    ragged = loss.clusters
    missing = loss.background / 2 / np.diag(loss.density(logits, centre(loss.clusters)))
    return right + np.exp(ragged.log_softmax(logits)) * ragged.spread(missing)


def never_infinite(honest):
    def value_and_grad(self, logits):
        values, gradient = honest(self, logits)
        return np.minimum(values, -np.log(1e-12)), gradient

    return value_and_grad


def open_box(clusters, kernel, rule):
    return clusters, replace(kernel, bandwidth=kernel.bandwidth * (1 - 1e-12))


def eight_bins(honest):
    def prepare(self, clusters, kernel, quadrature="auto", background=0.0):
        honest(self, clusters, kernel, kdelab.Midpoint(8), background)

    return prepare


def twice_as_wide(clusters, kernel, rule):
    return clusters, replace(kernel, bandwidth=2 * kernel.bandwidth)


def silent_far_off(loss, logits, right):
    near = hard.nearest(loss.clusters) <= 700 * loss.kernel.bandwidth
    return np.where(loss.clusters.spread(near), right, 0.0)


def all_on_the_right(clusters, kernel, rule):
    lower, upper = (np.repeat(side, clusters.sizes) for side in (clusters.lower, clusters.upper))
    points = np.where(clusters.points < lower, lower + upper - clusters.points, clusters.points)
    return Clusters(points, clusters.offsets, clusters.lower, clusters.upper), kernel


def log_of_the_integral(loss, logits, right):
    return rivals.LogOfIntegral(loss.clusters, loss.kernel).value_and_grad(logits)[1]


def no_pairs(honest):
    return lambda self, weight: (self.clusters.sum(weight * self.to_target), self.to_target)


def no_target(honest):
    def by_weight(self, weight):
        overlap = self.against_cluster(self.twice, weight)
        return self.clusters.sum(weight * overlap) + 1 / self.width, 2 * overlap

    return by_weight


def from_the_centre(honest):
    return lambda clusters: clusters.min(abs(clusters.points - np.repeat(centre(clusters), clusters.sizes)))


def hears_hard_cases(loss, logits, right):
    """A box with another kernel's tail where none of its points comes near."""
    tail = rivals.Power(loss.clusters, kdelab.Laplace(loss.kernel.bandwidth)).value_and_grad(logits)[1]
    far = hard.nearest(loss.clusters) > loss.kernel.bandwidth
    return np.where(loss.clusters.spread(far), tail, right)


def without_n(honest):
    def per_bin(self, logits, log_weight):
        values, gradient = honest(self, logits, log_weight)
        share = np.exp(logits - np.logaddexp.reduce(logits))
        return values, gradient - (len(self.clusters) - 1) * share

    return per_bin


def one_centre_bin(honest):
    def prepare(self, clusters, *more):
        honest(self, moved(clusters, centre(clusters), centre(clusters)), *more)

    return prepare


def not_normalised(honest):
    return shortcuts.SoftLabels.per_bin


def too_large(honest):
    return lambda *given: 1.2 * honest(*given)


def weights_only(honest):
    return lambda weights, responsibilities, *more: honest(weights, 0 * responsibilities, *more)


def off_after(points, loss, logits, right):
    return np.where(np.arange(len(right)) >= points, 1.05, 1.0) * right


def off_above(points, loss, logits, right):
    return np.where(loss.clusters.spread(loss.clusters.sizes > points), 1.05, 1.0) * right


def the_worst_for_all(honest):
    return lambda *given: np.full_like(honest(*given), honest(*given).max())


def stride(factor, honest):
    return lambda self, logits: logits + factor * (honest(self, logits) - logits)


def stays(honest):
    return lambda objective, clusters, logits, **named: logits


def weights_ignored(honest):
    def found(self, *given):
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(self, "weights_", np.ones_like(self.weights_))
            return honest(self, *given)

    return found


LAPLACE, HALF = kdelab.Laplace, partial(kdelab.GeneralizedNormal, 0.5)
reference, by_mpmath = test_cross_entropy.test_against_the_reference, test_cross_entropy.test_against_mpmath
uncovered, alone = (
    test_cross_entropy.test_uncovered_target,
    test_cross_entropy.test_ragged_batch_is_the_sum_of_its_parts,
)
crps = test_rivals.test_crps_is_the_integrated_squared_difference_of_distribution_functions
squared = test_rivals.test_density_squared_error_is_the_integral
censored = test_rivals.test_log_of_integral_is_interval_censored_likelihood_and_below_the_cross_entropy
slopes = test_shortcuts.test_gradients_are_the_slopes_of_the_values
labels = test_shortcuts.test_normalised_labels_are_true_while_weights_are_equal_and_not_after
em, closes = (
    test_rest.test_an_em_step_never_raises_the_loss_and_ends_on_the_mean_responsibilities,
    test_rest.test_the_certificate_bounds_the_gap_and_closes,
)
one_point = test_rest.test_one_point_takes_all_up_to_the_known_width
bias = test_by_hand.test_the_derived_bias_is_the_mean_over_all_ways_to_cut
batch = test_by_hand.test_a_large_batch_is_its_clusters_one_by_one
copies, large = (
    test_by_hand.test_a_point_many_times_is_a_point_with_its_weight,
    test_by_hand.test_large_clusters_against_mpmath,
)
each = test_by_hand.test_the_certificate_and_the_step_of_each_cluster_are_its_own

WRONG = {
    "02 all targets as wide as the first": (prepared_with(as_wide_as_the_first), alone),
    "02 gradient at the centre, Cauchy": (
        changed_gradient(partial(at_the_centre, kdelab.Cauchy)),
        *(reference, kdelab.Cauchy, "near", 0.0),
    ),
    "02 gradient at the centre, shape 1/2": (
        changed_gradient(partial(at_the_centre, kdelab.GeneralizedNormal)),
        *(reference, HALF, "near", 0.0),
    ),
    "02 S - r with a background": (changed_gradient(pull_in_full), reference, LAPLACE, "near", 0.05),
    "03 no match costs 27.6": (
        instead(CrossEntropy, "value_and_grad", never_infinite),
        *(uncovered, kdelab.Box, "auto"),
    ),
    "03 a box open at its ends": (prepared_with(open_box), test_by_hand.test_a_box_is_closed, "auto"),
    "05 eight midpoint bins": (instead(CrossEntropy, "__init__", eight_bins), by_mpmath, LAPLACE),
    "05 a Gaussian twice as wide": (prepared_with(twice_as_wide), by_mpmath, kdelab.Gaussian),
    "05 silent beyond 700 h": (changed_gradient(silent_far_off), reference, LAPLACE, "5000 bandwidths away", 0.0),
    "06 points on the left taken as on the right": (prepared_with(all_on_the_right), by_mpmath, LAPLACE),
    "06 gradient of the log of the integral": (changed_gradient(log_of_the_integral), by_mpmath, LAPLACE),
    "07 CRPS without pairs": (instead(rivals.CRPS, "by_weight", no_pairs), crps, "@few_clusters"),
    "07 squared error without target": (
        instead(rivals.DensitySquaredError, "by_weight", no_target),
        *(squared, "@few_clusters"),
    ),
    "08 nearest from the centre": (instead(hard, "nearest", from_the_centre), test_rest.test_distances_and_coverage),
    "08 a box that hears hard cases": (changed_gradient(hears_hard_cases), uncovered, kdelab.Box, "auto"),
    "10 one softmax without its N": (
        instead(shortcuts.OneSoftmax, "per_bin", without_n),
        *(slopes, shortcuts.OneSoftmax, LAPLACE(0.2), "@few_clusters"),
    ),
    "10 log of the integral from one bin": (
        instead(rivals.LogOfIntegral, "__init__", one_centre_bin),
        *(censored, "@few_clusters"),
    ),
    "10 labels not normalised": (
        instead(shortcuts.NormalisedSoftLabels, "per_bin", not_normalised),
        *(labels, LAPLACE(0.2), "@few_clusters"),
    ),
    "11 derived bias 1.2 times too large": (instead(test_by_hand, "leading_bias", too_large), bias, "neither"),
    "11 derived bias of the weights only": (instead(test_by_hand, "leading_bias", weights_only), bias, "neither"),
    "12 batches off after 1,024 points": (changed_gradient(partial(off_after, 1024)), batch, LAPLACE),
    "12 clusters off above 64 points": (changed_gradient(partial(off_above, 64)), copies, LAPLACE, 13),
    "12 the same, against mpmath": (changed_gradient(partial(off_above, 64)), large, 65),
    "14 the batch's worst for all": (instead(rest.Rates, "certificate", the_worst_for_all), each, LAPLACE(0.1)),
    "14 half a step": (instead(rest.Rates, "em_step", partial(stride, 0.5)), em, "@toy_clusters"),
    "14 1.3 steps": (instead(rest.Rates, "em_step", partial(stride, 1.3)), em, "@toy_clusters"),
    "14 nothing settles": (instead(rest, "settle", stays), closes, "@toy_clusters"),
    "14 guns ignore their weights": (
        instead(NeighbourModel, "_found", weights_ignored),
        test_targets.test_a_gun_of_one_weight_looks_at_that_feature_alone,
    ),
    "14 one point takes all up to 2.5 h": (
        instead(rest, "one_point_limit", lambda honest: lambda kernel: 2.5),
        *(one_point, LAPLACE(0.3), 2),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_library_is_noticed(name, request):
    wrong, test, *given = WRONG[name]
    assert_noticed(wrong, test, given, request)
