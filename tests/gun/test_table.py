"""Tables of waves by hand: which rounds are late, whose memory is whose."""

import numpy as np
import pandas as pd
import pytest
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
