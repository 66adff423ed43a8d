"""Tables of waves by hand: which rounds are late, whose memory is whose."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_waves import learnable

from kdelab.gun.recall import memory_of
from kdelab.gun.waves.check import checked, late


def of_rounds(rounds: list[int], battle: object = "a vs b", shooter: object = "a") -> pd.DataFrame:
    return pd.DataFrame({"battle": battle, "shooter": shooter, "round": rounds})


@pytest.mark.parametrize("first", [0, 10, -3])
def test_late_rounds_by_hand_wherever_counting_starts(first: int) -> None:
    """Of ten rounds the last n tenths; of a share that cuts a round, only those wholly inside and the last one."""
    rounds = np.arange(10) + first
    waves = of_rounds(list(rounds[::-1]))
    for share, count in ((0.0, 0), (0.1, 1), (0.2, 2), (0.25, 3), (1 / 3, 4), (0.5, 5), (0.9, 9)):
        np.testing.assert_array_equal(late(waves, share)[::-1], np.arange(10) >= 10 - count)


def test_late_rounds_are_those_of_the_battle_and_shooter() -> None:
    waves = pd.concat([of_rounds([0, 9]), of_rounds([0, 4], shooter="b"), of_rounds([5, 7], battle="a vs c")])
    assert late(waves, 0.25).tolist() == [False, True] * 3
    assert late(waves, 0.25, by=["battle"]).tolist() == [False, True, False, False, False, True]


def test_ends_of_ranges_belong_to_them_and_so_does_rounding() -> None:
    waves = learnable(waves=10)
    for name, low, high, slack in (("speed", 0.0, 8.0, 8e-6), ("lower", -1.0, None, 1e-6), ("upper", None, 1.0, 1e-6)):
        for end, way in ((low, -1), (high, 1)):
            if end is not None:
                checked(waves.assign(**{name: end}), ["speed"])
                checked(waves.assign(**{name: end + 0.9 * way * slack}), ["speed"])
                with pytest.raises(ValueError, match=f"{name} is outside .* in 20 rows"):
                    checked(waves.assign(**{name: end + 1.1 * way * slack}), ["speed"])


def known_to(waves: pd.DataFrame, row: int) -> list[int]:
    """The rows that a wave's shooter knew when it left: earlier rounds, and what had passed in this one; one by one."""
    wave, known = waves.iloc[row], []
    for other in range(len(waves)):
        one = waves.iloc[other]
        if one["battle"] == wave["battle"] and one["shooter"] == wave["shooter"]:
            same_round = one["round"] == wave["round"] and one["passed"] <= wave["turn"]
            if one["round"] < wave["round"] or same_round:
                known.append(other)
    return known


def test_memory_within_the_round_by_hand() -> None:
    """A wave of turn 10 that has passed in turn 30 is known to one of turn 30, not to one of 29, nor to itself."""
    waves = of_rounds([4, 4, 4, 4, 4, 5, 3, 4]).assign(
        turn=[10, 29, 30, 12, 60, 1, 2, 30], passed=[30.0, 50, 51, np.nan, 80, 20, np.nan, 40]
    )
    waves.loc[7, "shooter"] = "b"
    memory = memory_of(waves, True)
    expected = [[6], [6], [6, 0], [6], [6, 0, 1, 2], [6, 0, 1, 2, 4, 3], [], []]
    assert [memory.rows(row).tolist() for row in range(8)] == expected
    assert memory.stored.tolist() == [len(rows) for rows in expected]
    assert memory_of(waves).stored.tolist() == [1, 1, 1, 1, 1, 6, 0, 0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 25))
def test_memory_within_the_round_by_brute_force(seed: int, n: int, span: int) -> None:
    rng = np.random.default_rng(seed)
    waves = of_rounds(list(rng.integers(0, 3, n)), rng.integers(0, 2, n), rng.integers(0, 2, n))
    waves["turn"] = rng.permutation(max(n, span))[:n]  # one shooter fires once a turn
    waves["passed"] = np.where(rng.random(n) < 0.2, np.nan, waves["turn"] + rng.integers(1, 12, n))
    memory = memory_of(waves, within_round=True)
    for row in range(n):
        assert sorted(memory.rows(row)) == known_to(waves, row)


def test_memories_of_many_battles_and_shooters_are_apart() -> None:
    """Names whose numbers could collide: each shooter remembers the earlier rounds of its own battle only."""
    rng = np.random.default_rng(2)
    waves = of_rounds(list(rng.integers(0, 4, 300)), rng.integers(0, 5, 300), rng.integers(0, 3, 300))
    memory = memory_of(waves)
    for row in range(300):
        same = (waves["battle"] == waves["battle"][row]) & (waves["shooter"] == waves["shooter"][row])
        expected = np.flatnonzero(same & (waves["round"] < waves["round"][row]))
        np.testing.assert_array_equal(np.sort(memory.rows(row)), expected)
        assert memory.stored[row] == len(expected)
