"""What must not be known is scrambled, and nothing may change, bit for bit: at every entrance of the gun.

What a gun may know of a wave is its features, and all about the waves that the same shooter fired in earlier rounds of
the same battle; and, if it remembers within the round, all about those that had passed when the wave left.  Everything
else is replaced: by noise, by what other waves have there, by NaN where nobody reads.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable
from sklearn.base import clone

from kdelab.gun import recall as recalling
from kdelab.gun.battles.turns import load_round
from kdelab.gun.compare import learned, surfing, trials
from kdelab.gun.compare.baselines import HeadOn, Histogram
from kdelab.gun.compare.leave_out import leave_robots_out, table_of_guns
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall, retrieve
from kdelab.gun.waves.features import FEATURE_TABLE, FEATURES, RANGES
from kdelab.gun.waves.from_turns import waves_of

TARGET, AFTERWARDS = ["lower", "upper"], ["hit", "fired", "passed"]
VALUES = [*FEATURES, "escape_angle", "bullet_speed", *TARGET]
LAST = 5  # rounds are 0 to 5
SCRAMBLES = pytest.mark.parametrize("how", ["noise", "others"])
QUICK = {"neighbours": 15, "predictions": 80, "retrievals": 2, "max_iter": 4, "patience": None}


def one_side(seed: int, battles: int, waves: int) -> pd.DataFrame:
    """Battles of a shooter "a" against robots "0", "1", ...; some shots are decided."""
    table = learnable(seed, battles, waves)
    rng = np.random.default_rng(seed)
    shot = table["real"] & (rng.random(len(table)) < 0.8)
    table["fired"] = np.where(table["real"], rng.uniform(-1, 1, len(table)), np.nan)
    table["hit"] = np.where(shot, (rng.random(len(table)) < 0.5) * 1.0, np.nan)
    table["turn"] = np.arange(len(table))
    table["passed"] = table["turn"] + rng.integers(20, 90, len(table)) * 1.0
    table["escape_angle"], table["bullet_speed"] = rng.uniform(0.4, 0.8, len(table)), rng.uniform(11, 20, len(table))
    return table


def both_sides(battles: int = 3, waves: int = 180) -> pd.DataFrame:
    """Battles in which both robots learn and shoot, rows in no order."""
    mine, theirs = one_side(1, battles, waves), one_side(2, battles, waves)
    theirs["shooter"], theirs["enemy"] = theirs["enemy"], "a"
    return pd.concat([mine, theirs], ignore_index=True).sample(frac=1, random_state=4).reset_index(drop=True)


def on_the_clock() -> pd.DataFrame:
    """The same, with a wave in four turns, so that many pass within their round, and a few that never do."""
    table = both_sides(waves=420)
    flight = np.where(table["turn"] % 9 == 0, np.nan, table["passed"] - table["turn"])
    return table.assign(turn=4 * table["turn"], passed=4 * table["turn"] + flight)


WAVES, CLOCKED = both_sides(), on_the_clock()


def scrambled(waves: pd.DataFrame, rows: np.ndarray, how: str, columns: list[str] = VALUES) -> pd.DataFrame:
    """The same waves, but for what some rows (a mask) have in some columns."""
    rng = np.random.default_rng(5)
    other, at = waves.copy(), np.flatnonzero(rows)
    if how == "others":
        other.loc[at, columns] = waves[columns].to_numpy()[rng.integers(len(waves), size=len(at))]
    else:
        made = {f.name: rng.uniform(f.low, f.high, len(at)) for f in FEATURE_TABLE}
        made |= {"escape_angle": rng.uniform(0.4, 0.8, len(at)), "bullet_speed": rng.uniform(11, 20, len(at))}
        made["lower"] = rng.uniform(-1, 0.7, len(at))
        made["upper"] = made["lower"] + rng.uniform(0.05, 0.3, len(at))
        other.loc[at, columns] = np.column_stack([made[name] for name in columns])
    other.loc[at, AFTERWARDS] = np.nan
    assert (other.loc[at, columns] != waves.loc[at, columns]).mean().min() > 0.9
    return other


def questions(waves: pd.DataFrame, battle: str, shooter: str, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Every second wave of a round, and what may be known when they are fired (masks)."""
    side = ((waves["battle"] == battle) & (waves["shooter"] == shooter)).to_numpy()
    asked = side & (waves["round"] == number).to_numpy()
    asked[np.flatnonzero(asked)[::2]] = False
    return asked, side & (waves["round"] < number).to_numpy()


QUESTIONS = [("a vs 0", "a", 3), ("a vs 2", "a", LAST), ("a vs 1", "1", 4)]


def worlds(how: str):
    """Yield the rows asked about, and a table in which all that must not be known is scrambled, without and with ...

    the targets of those waves themselves: an aim must not depend on them, a loss does.
    """
    for question in QUESTIONS:
        asked, known = questions(WAVES, *question)
        assert asked.sum() > 5
        future = scrambled(WAVES, ~(asked | known), how)
        yield np.flatnonzero(asked), future, scrambled(future, asked, how, TARGET)


def remembered(waves: pd.DataFrame) -> np.ndarray:
    """How many waves the shooter of each had fired in earlier rounds of the battle: counted one by one."""
    keys = list(zip(waves["battle"], waves["shooter"], waves["round"], strict=True))
    return np.array([sum(k[:2] == key[:2] and k[2] < key[2] for k in keys) for key in keys])


def same(one, other) -> None:
    """Assert that two answers agree to the last bit."""
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    else:
        np.testing.assert_array_equal(one, other)


def within_worlds(how: str):
    """Yield a row, and tables in which all is scrambled that is not known when that wave leaves, within its round too.

    Known are earlier rounds, and waves of the round with ``passed <= turn``.  The others get values from elsewhere and
    never pass; or they pass at any later turn; or they change places, later rounds among them; or pass at once
    elsewhere, in other battles and for other shooters.  Last comes a table in which the known ones of the round are
    scrambled.
    """
    rng = np.random.default_rng(8)
    wave_of = CLOCKED[["battle", "shooter", "round", "turn", "passed"]]
    for battle, shooter, number in [("a vs 0", "a", 0), ("a vs 2", "a", 1), ("a vs 1", "1", 3), ("a vs 0", "0", LAST)]:
        side = ((wave_of["battle"] == battle) & (wave_of["shooter"] == shooter)).to_numpy()
        here = side & (wave_of["round"] == number).to_numpy()
        earlier = side & (wave_of["round"] < number).to_numpy()
        had_passed = {i: here & (wave_of["passed"] <= wave_of["turn"][i]).to_numpy() for i in np.flatnonzero(here)}
        row = max(had_passed, key=lambda i: (had_passed[i].sum() < here.sum() * 2 / 3, had_passed[i].sum()))
        unknown, itself = ~(earlier | had_passed[row]), np.arange(len(CLOCKED)) == row
        assert (here & unknown).sum() > 5
        assert had_passed[row].sum() > 5
        future = scrambled(CLOCKED, unknown & ~itself, how)
        blind = scrambled(future, itself, how, TARGET)
        late = future.copy()
        at = np.flatnonzero(unknown & ~itself & here)
        late.loc[at, "passed"] = np.maximum(late["turn"][row], late["turn"][at]) + rng.integers(1, 60, len(at))
        others = np.flatnonzero(unknown & ~itself & ~here)
        late.loc[others, "passed"] = late["turn"][others] + 1.0
        places = np.arange(len(CLOCKED))
        moved = np.flatnonzero(unknown & ~itself)
        places[moved] = rng.permutation(moved)
        shuffled = CLOCKED.iloc[places].reset_index(drop=True)
        blind_late = late.assign(passed=late["passed"].where(~itself))
        past = scrambled(CLOCKED, had_passed[row], how).assign(passed=CLOCKED["passed"])
        yield row, [future, late, shuffled], [blind, blind_late], [past]


@pytest.fixture(scope="module")
def guns_within():
    """Guns that remember within the round, fitted."""
    quick = {name: value for name, value in QUICK.items() if name != "patience"}
    two = {name: gun for name, gun in table_of_guns(80).items() if name in ("Laplace", "own intervals")}
    made = {name: gun.set_params(**quick, within_round=True).fit(CLOCKED) for name, gun in two.items()}
    for gun in made.values():
        gun.rounds_ = None  # or each question would look for rows that were left out
    return made | {"the battle's histogram": Histogram(within_round=True).fit(CLOCKED)}


@pytest.fixture(scope="module")
def guns():
    """Every gun that is compared anywhere, fitted."""
    quick = {name: value for name, value in QUICK.items() if name != "patience"}
    made = table_of_guns(80)
    for gun in made.values():
        gun.set_params(**{name: value for name, value in quick.items() if name in gun.get_params()}).fit(WAVES)
    return made


@SCRAMBLES
def test_neighbours_and_their_points_are_of_the_past(how):
    before = retrieve(WAVES, np.random.default_rng(0), 10**6, 20)
    for asked, future, blind in worlds(how):
        for world in (future, blind):
            after = retrieve(world, np.random.default_rng(0), 10**6, 20)
            same(before.predictions, after.predictions)
            flat = np.repeat(np.isin(before.predictions, asked), before.clusters.sizes)
            assert flat.any()
            same(before.neighbours[flat], after.neighbours[flat])
            same(before.logits[flat], after.logits[flat])
            same(before.clusters.points[flat], after.clusters.points[flat])


@SCRAMBLES
def test_aims_and_densities_know_the_past_and_the_features_alone(guns, how):
    x = np.linspace(-1, 1, 21)
    for asked, future, blind in worlds(how):
        for name, gun in guns.items():
            same(gun.predict(WAVES, asked), gun.predict(blind, asked))
            same(gun.judge(WAVES, asked), gun.judge(future, asked))
            if name in ("Laplace", "own intervals", "the battle's histogram"):
                same(gun.losses(WAVES, asked), gun.losses(future, asked))
            if isinstance(gun, NeighbourModel):
                same(gun.density(WAVES, x, asked), gun.density(blind, x, asked))
                (_, z, found), (_, same_z, same_found) = gun.logits(WAVES, asked), gun.logits(blind, asked)
                same(z, same_z)
                same(found.rows, same_found.rows)
                assert gun.score(WAVES, rows=asked) == gun.score(future, rows=asked)
                assert gun.hit_rate(WAVES, rows=asked) == gun.hit_rate(future, rows=asked), name


@SCRAMBLES
def test_within_the_round_known_is_what_had_passed(guns_within, how):
    x, used = np.linspace(-1, 1, 21), {name: [] for name in guns_within}
    now = Recall(CLOCKED, within_round=True)
    for row, *worlds in within_worlds(how):
        asked = [row]
        futures, blinds, (past,) = ([Recall(world, within_round=True) for world in part] for part in worlds)
        for name, gun in guns_within.items():
            judged, aims = gun.judge(now, asked), gun.predict(now, asked)
            for world in futures:
                same(judged, gun.judge(world, asked))
            for world in blinds:
                same(aims, gun.predict(world, asked))
            used[name].append(aims[0] != gun.predict(past, asked)[0])
            if isinstance(gun, NeighbourModel):
                for world in blinds:
                    same(gun.density(now, x, asked), gun.density(world, x, asked))
                    same(gun.logits(now, asked)[2].rows, gun.logits(world, asked)[2].rows)
    assert all(sum(changed) >= 2 for changed in used.values()), "what may be known is used"


@SCRAMBLES
def test_neighbours_within_the_round_had_passed(how):
    for row, futures, blinds, _ in within_worlds(how):
        before, *others = (Recall(world, within_round=True) for world in (CLOCKED, *futures, *blinds))
        for after in others:
            same(before.memory.rows(row), after.memory.rows(row))
            assert before.memory.stored[row] == after.memory.stored[row]
        positions = [recall.scaled(RANGES) for recall in (before, *others)]
        near = [
            recall.memory.nearest(where, np.array([row]), 12, 2)
            for recall, where in zip((before, *others), positions, strict=True)
        ]
        for found in near[1:]:
            same(near[0].rows, found.rows)
            same(near[0].distances, found.distances)


@SCRAMBLES
def test_what_may_be_known_is_used(guns, how):
    """The placebo: with the past scrambled, aims do change."""
    for question in QUESTIONS:
        asked, known = questions(WAVES, *question)
        past = scrambled(WAVES, known, how)
        for name, gun in guns.items():
            if name not in ("head-on", "linear", "orbit"):
                assert (gun.predict(WAVES, asked) != gun.predict(past, asked)).mean() > 0.5, name


@SCRAMBLES
def test_a_surfer_knows_the_past_alone(how):
    shots = surfing.as_surfer(WAVES.assign(real=True, fired=WAVES["lower"]))
    gun = NeighbourModel(neighbours=15).unlearned(shots)
    asked, known = questions(shots, *QUESTIONS[0])
    rows = np.flatnonzero(asked)
    future = scrambled(shots, ~(asked | known), how)
    future["fired"] = np.where(asked | known, shots["fired"], np.random.default_rng(2).uniform(-1, 1, len(shots)))
    one, other = (surfing.hits_taken(gun, world, rows, np.random.default_rng(1)) for world in (shots, future))
    same(one, other)


@SCRAMBLES
@pytest.mark.parametrize(("form", "within_round"), [("scale", 0), ("linear", 0), ("power", 0), ("linear", 1)])
def test_rounds_held_out_choose_and_do_not_teach(form, within_round, how):
    late = (WAVES["round"] > 3).to_numpy()
    one, other = (
        NeighbourModel(form=form, validation=1 / 3, shrinkage=1.0, within_round=bool(within_round), **QUICK).fit(world)
        for world in (WAVES, scrambled(WAVES, late, how))
    )
    assert not late[one.predictions_].any()
    same(one.predictions_, other.predictions_)
    assert [entry.theta for entry in one.history_] == [entry.theta for entry in other.history_]
    assert [entry.held_out for entry in one.history_] != [entry.held_out for entry in other.history_]


@SCRAMBLES
def test_waves_of_no_weight_are_remembered_but_not_learned_from(how):
    weights = (WAVES["round"] < LAST) * 1.0
    one, other, forgetful = (
        NeighbourModel(validation=0, **QUICK).fit(world, sample_weight=weights)
        for world in (
            WAVES,
            scrambled(WAVES, (weights == 0).to_numpy(), how),
            scrambled(WAVES, (WAVES["round"] == 0).to_numpy(), how),  # too early to be learned from
        )
    )
    same(one.weights_, other.weights_)
    assert not np.array_equal(one.weights_, forgetful.weights_)


@SCRAMBLES
def test_nobody_reads_what_a_shot_was_or_whether_it_hit(guns, how):
    blank = WAVES.assign(hit=np.nan, fired=np.nan, passed=np.nan, real=False, enemy="nobody", bullet_speed=np.nan)
    same(retrieve(WAVES, np.random.default_rng(0), 50).logits, retrieve(blank, np.random.default_rng(0), 50).logits)
    one, other = (NeighbourModel(**QUICK).fit(world) for world in (WAVES, blank))
    same(one.weights_, other.weights_)
    same(one.judge(WAVES), one.judge(blank))


def test_late_rounds_are_the_last_third_of_each_battle():
    rounds = pd.DataFrame({"battle": list("xxxxxxyyyyzz"), "round": [7, 0, 1, 2, 5, 6, 4, 3, 2, 1, 9, 9]})
    # x: rounds 0 to 7, of which a third is 2.67, so 6 and 7 and what lies above 4.33; y: above 2.67; z: its only round
    assert trials.late_rounds(rounds).tolist() == [
        *(True, False, False, False, True, True),
        *(True, True, False, False),
        *(True, True),
    ]
    assert trials.late_rounds(rounds, share=0.0).sum() == 0
    eight = pd.DataFrame({"battle": "x", "round": range(8)})
    assert trials.late_rounds(eight, share=0.25).tolist() == [False] * 6 + [True] * 2
    assert trials.late_rounds(eight, share=0.26).tolist() == [False] * 5 + [True] * 3


@SCRAMBLES
def test_a_trial_fits_on_early_rounds_and_judges_on_late_ones(how):
    late = (WAVES["round"] > 3).to_numpy()
    rows = trials.shots(WAVES, np.random.default_rng(0), 40)
    assert late[rows].all()
    assert WAVES["real"][rows].all()
    same(rows, trials.shots(scrambled(WAVES, late, how), np.random.default_rng(0), 40))
    rows = rows[WAVES["round"][rows] == 4]
    unlearned = NeighbourModel(neighbours=10).unlearned(WAVES)
    weights = unlearned.weights_.copy()

    def tried(world):
        gun = NeighbourModel(validation=0.0, **QUICK)
        return gun, trials.trial(world, {"learned": gun, "unlearned": unlearned}, rows)

    gun, results = tried(WAVES)
    after_all, _ = tried(scrambled(WAVES, late, how))
    same(gun.weights_, after_all.weights_)
    _, before_the_last = tried(scrambled(WAVES, (WAVES["round"] == LAST).to_numpy(), how))
    same(results, before_the_last)
    earlier, _ = tried(scrambled(WAVES, (WAVES["round"] == 3).to_numpy(), how))
    assert not np.array_equal(gun.weights_, earlier.weights_), "the last early round is trained on"
    same(unlearned.weights_, weights)


@SCRAMBLES
@pytest.mark.parametrize("folds", [None, 2])
def test_a_robot_left_out_teaches_nothing(how, folds):
    table, exam = one_side(6, battles=4, waves=120), one_side(7, battles=4, waves=120)
    exam["battle"] += ", again"
    guns = {"learned": NeighbourModel(neighbours=10, predictions=40, retrievals=1, max_iter=3, validation=0.0)}

    def judged(world, seeds=(0, 1)):
        return leave_robots_out(world, guns, seeds, tested=10, folds=folds, judged_on=exam)

    before = judged(table)
    assert before.groupby(["seed", "robot"]).size().tolist() == [10] * 8
    assert (exam["enemy"].to_numpy()[before["row"]] == before["robot"]).all()
    assert (exam["battle"].to_numpy()[before["row"]] == before["battle"]).all()
    assert (remembered(exam)[before["row"]] >= 50).all()
    for robot in "0123":
        after = judged(scrambled(table, (table["enemy"] == robot).to_numpy(), how))
        here = (before["robot"] == robot).to_numpy()
        same(before[here], after[here])
        assert not before[~here].equals(after[~here]), "the others do learn from it"
    same(before[before["seed"] == 1].reset_index(drop=True), judged(table, seeds=[1]))


def test_robots_are_left_out_group_by_group():
    table = learnable(battles=3, waves=180)
    with pytest.raises(ValueError, match="folds: 1 given, allowed are 2 to 3"):
        leave_robots_out(table, {}, folds=1)


@SCRAMBLES
@pytest.mark.parametrize("shooter", ["a", "1"])
def test_own_shots_are_the_shooters_and_know_the_past_alone(guns_within, shooter, how):
    def asked(world):
        rows = learned.own_shots(world, shooter).rows
        recall = Recall(world, within_round=True)
        return rows, {name: learned.shots(gun, recall, rows) for name, gun in guns_within.items()}

    rows, before = asked(CLOCKED)
    mine = (CLOCKED["shooter"] == shooter).to_numpy()
    same(rows, np.flatnonzero(mine & CLOCKED["real"] & CLOCKED["hit"].notna()))
    assert len(rows) > 20
    others_rows, others = asked(scrambled(CLOCKED, ~mine, how))
    same(rows, others_rows)
    last = scrambled(CLOCKED, (CLOCKED["round"] == LAST).to_numpy(), how)  # nor is any of its shots decided now
    earlier_rows, earlier = asked(last)
    kept = CLOCKED["round"].to_numpy()[rows] < LAST
    same(rows[kept], earlier_rows)
    for name, table in before.items():
        same(table["row"].to_numpy(), rows)
        same(table, others[name])
        same(table[kept].reset_index(drop=True), earlier[name])


def test_trials_and_robots_left_out_ask_each_gun_by_its_own_memory(monkeypatch):
    exam = one_side(6, battles=3, waves=120)
    learn = {"neighbours": 10, "predictions": 40, "retrievals": 1, "max_iter": 3, "validation": 0.0}
    guns = {str(setting): NeighbourModel(**learn, within_round=setting) for setting in (False, True)}
    guns |= {"again": clone(guns["True"]), "head-on": HeadOn()}
    made, honest = [], recalling.memory_of
    monkeypatch.setattr(recalling, "memory_of", lambda *given: made.append(given[1:]) or honest(*given))
    rows = trials.shots(exam, np.random.default_rng(0), 20)
    results = trials.trial(exam, {"one": guns["True"], "head-on": HeadOn()}, rows)
    assert made == [(True,), (True,)], "once to fit, once to judge"
    same(results["hit"][:20].to_numpy(), guns["True"].judge(exam, rows)["hit"].to_numpy())
    made.clear()
    both = trials.trial(exam, {name: guns[name].fit(exam) for name in ("False", "True", "again", "head-on")}, rows)
    assert made == [(False,), (True,), (True,), *[(False,), (True,)]]
    for name, part in both.groupby("gun"):
        same(part["hit"].to_numpy(), Recall.of(exam).hit(guns[name].predict(exam, rows), rows))
    left = leave_robots_out(exam, guns, tested=10)
    assert left.groupby("gun").size().tolist() == [30] * 4
    assert (remembered(exam)[left["row"]] >= 50).all()
    alone = leave_robots_out(exam, {"True": guns["True"]})
    same(np.unique(alone["row"]), np.flatnonzero(Recall(exam, within_round=True).memory.stored >= 50))


def two_rounds():
    """A battle of two rounds, the shipped one twice."""
    log = load_round()
    later = [np.array(part) for part in (log.turns, log.bullets)]
    for part in later:
        part[:, 0] += 1
    return replace(log, turns=np.vstack([log.turns, later[0]]), bullets=np.vstack([log.bullets, later[1]]))


@pytest.mark.parametrize("turn", [120, 200, 301])
@pytest.mark.parametrize("how", ["noise", "backwards"])
def test_features_know_no_later_turn(turn, how):
    """Of a turn log: all that happens after the turn of firing, later rounds included, and bullets not yet fired."""
    rng = np.random.default_rng(5)
    log = two_rounds()
    turns = log.turns.copy()
    first = int(turns[0, 0])
    later = (turns[:, 1] > turn) | (turns[:, 0] > first)
    for x in (2, 9):
        if how == "noise":
            turns[later, x] = rng.uniform(18, 782, later.sum())
            turns[later, x + 1] = rng.uniform(18, 582, later.sum())
            turns[later, x + 2 : x + 4] = rng.uniform(-3, 3, (later.sum(), 2))
        else:
            turns[later, x : x + 4] = turns[later, x : x + 4][::-1]
        turns[later, x + 5] = rng.uniform(0, 2, later.sum())
    bullets = log.bullets[(log.bullets[:, 5] <= turn + 1) & (log.bullets[:, 0] == first)]
    whole = waves_of(log, every=4)
    whole = whole[(whole["turn"] <= turn) & (whole["round"] == first)]
    both = whole.merge(
        waves_of(replace(log, turns=turns, bullets=bullets), every=4),
        on=["round", "turn", "shooter"],
        suffixes=("", "_other"),
    )
    assert len(both) > 10
    for name in ["orbit_direction", "bullet_speed", "escape_angle", "real", "fired", *FEATURES]:
        same(both[name].to_numpy(), both[f"{name}_other"].to_numpy())


def test_a_round_knows_no_later_round():
    log = two_rounds()
    whole = waves_of(log, every=4)
    same(whole[whole["round"] == log.turns[0, 0]].reset_index(drop=True), waves_of(load_round(), every=4))
