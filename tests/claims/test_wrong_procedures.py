"""Wrong procedures that once nobody noticed, and the test that notices each now."""

import numpy as np
import pandas as pd
import pytest
import test_resampling
import test_scrambled
import test_table
import test_targets
from sabotage import assert_noticed, instead
from test_scrambled import guns, guns_within  # noqa: F401, fixtures

import kdelab
from kdelab.gun import recall
from kdelab.gun.compare import learned, trials
from kdelab.gun.recall import Recall, Targets
from kdelab.learn.memory import Memory
from kdelab.loss.clusters import Clusters


def random_waves(honest):
    return lambda waves, share=1 / 3: np.random.default_rng(0).permutation(honest(waves, share))


def one_round_more(honest):
    def late_rounds(waves, share=1 / 3):
        rounds = waves.groupby("battle")["round"]
        last, first = rounds.transform("max"), rounds.transform("min")
        return (waves["round"] > last - share * (last - first + 2)).to_numpy()

    return late_rounds


def narrow(honest):
    def compared(*given, **named):
        table = honest(*given, **named)
        for end in ("low", "high"):
            table[end] = table["difference"] + 0.4 * (table[end] - table["difference"])
        return table

    return compared


def rows_drawn(honest):
    def compared(results, column, against, rng, draws=1000, over=("battle",)):
        row = results.groupby("gun").cumcount()
        return honest(results.assign(row=row), column, against, rng, draws, ("row",))

    return compared


def first_of_each_group(honest):
    def leave_robots_out(*given, **named):
        with pytest.MonkeyPatch.context() as monkeypatch:
            isin = pd.Series.isin
            monkeypatch.setattr(pd.Series, "isin", lambda self, values: isin(self, values[:1]))
            return honest(*given, **named)

    return leave_robots_out


def every_shooter(honest):
    def own_shots(waves, shooter, **named):
        rows = [honest(waves, each).rows for each in np.unique(waves["shooter"])]
        return honest(waves, shooter, **named)._replace(rows=np.sort(np.concatenate(rows)))

    return own_shots


def answer_as_feature(honest):
    def scaled(waves, *given):
        features = honest(waves, *given)
        features[:, 0] = (waves["lower"] + waves["upper"]) / 4 + 0.5
        return features

    return scaled


def later_waves(honest):
    return lambda self, wave: self._order[self._start[wave] : self._end[wave] + 200]


def a_turn_early(honest):
    return lambda waves: honest(waves) - 1


def missing_at_once(honest):
    def passed_column(waves):
        passed = honest(waves)
        return np.where(np.isnan(passed), waves["turn"] + 1.0, passed)

    return passed_column


def off_the_muzzle(honest):
    return lambda waves: waves["turn"].to_numpy() + 1.0


def generous(honest):
    def hit(self, aims, rows):
        lower, upper = self.intervals(rows)
        return honest(self, np.clip(aims, lower, upper), rows) & (lower - 0.01 <= aims) & (aims <= upper + 0.01)

    return hit


def wide_targets(honest):
    def clusters(*given):
        right = honest(*given)
        more = 0.025 * (right.upper - right.lower)
        return Clusters(right.points, right.offsets, right.lower - more, right.upper + more)

    return clusters


covers = test_resampling.test_an_interval_over_battles_covers_the_effect_in_95_of_100_tables
aims = test_scrambled.test_aims_and_densities_know_the_past_and_the_features_alone
aims_within = test_scrambled.test_within_the_round_known_is_what_had_passed
within = test_scrambled.test_neighbours_within_the_round_had_passed
by_hand = test_table.test_memory_within_the_round_by_hand
retrieved = test_scrambled.test_neighbours_and_their_points_are_of_the_past
tried = test_scrambled.test_a_trial_fits_on_early_rounds_and_judges_on_late_ones
late = test_scrambled.test_late_rounds_are_the_last_third_of_each_battle
left_out = test_scrambled.test_a_robot_left_out_teaches_nothing
own = test_scrambled.test_own_shots_are_the_shooters_and_know_the_past_alone
inside = test_targets.test_a_hit_is_inside_of_the_interval_ends_included
judged = test_targets.test_targets_are_the_intervals_of_the_table_wherever_they_are_judged
trained = test_targets.test_training_sees_the_intervals_of_the_table

WRONG = {
    "late rounds are random waves": (instead(trials, "late_rounds", random_waves), tried, "noise"),
    "late rounds begin too early": (instead(trials, "late_rounds", one_round_more), late),
    "intervals 0.4 times as wide": (instead(test_resampling, "compared", narrow), covers, 8, 0.3),
    "rows drawn, not battles": (instead(test_resampling, "compared", rows_drawn), covers, 60, 0.3),
    "one robot of a group left out": (
        instead(test_scrambled, "leave_robots_out", first_of_each_group),
        *(left_out, "noise", 2),
    ),
    "own shots are everybody's": (instead(learned, "own_shots", every_shooter), own, "@guns_within", "a", "noise"),
    "a feature is the answer, aims": (instead(recall, "scaled", answer_as_feature), aims, "@guns", "noise"),
    "a feature is the answer, clusters": (instead(recall, "scaled", answer_as_feature), retrieved, "noise"),
    "memory holds 200 later waves": (instead(Memory, "rows", later_waves), aims, "@guns", "noise"),
    "a wave is known one turn too early": (instead(recall, "passed_column", a_turn_early), by_hand),
    "a wave is known one turn too late": (
        instead(recall, "passed_column", lambda honest: lambda w: honest(w) + 1),
        by_hand,
    ),
    "NaN passed is known at once": (instead(recall, "passed_column", missing_at_once), by_hand),
    "NaN passed is known at once, rows in any order": (
        instead(recall, "passed_column", missing_at_once),
        *(within, "noise"),
    ),
    "waves in flight are known": (
        instead(recall, "passed_column", off_the_muzzle),
        aims_within,
        "@guns_within",
        "noise",
    ),
    "hits up to 0.01 outside": (instead(Recall, "hit", generous), inside, 0.005),
    "targets 5 % too wide, judged": (instead(Targets, "clusters", wide_targets), judged, kdelab.Laplace(0.1)),
    "targets 5 % too wide, trained": (instead(Targets, "clusters", wide_targets), trained),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_procedure_is_noticed(name, request):
    wrong, test, *given = WRONG[name]
    assert_noticed(wrong, test, given, request)
