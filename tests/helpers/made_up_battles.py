"""Turn logs made by hand: a gun at rest, a target that drives straight on, bullets whose fate is known."""

import numpy as np

from kdelab.gun.battles.turns import BULLET_COLUMNS, DEAD, EXPLOSION, TURN_COLUMNS, TurnLog


def duel(turns=200, death=None, bullets=(), speed=8.0, seed=None, first="a.Gun", second="b.Target"):
    """A log made by hand: a gun at rest at (300, 100), and a target that starts at (300, 300) and goes east.

    Bullets are (turn of firing, bearing, last state, turn in which it ended), of power 3; the target dies in the turn
    `death`, lies where it was, and the log goes on.
    """
    log = np.zeros((turns, len(TURN_COLUMNS)))
    log[:, 1] = np.arange(1, turns + 1)
    log[:, 2:4], log[:, 6], log[:, 13] = (300.0, 100.0), 100.0, 100.0
    alive = np.minimum(log[:, 1], (death or turns + 1) - 1)
    log[:, 9] = np.minimum(300 + speed * alive, 782)
    log[:, 10], log[:, 11], log[:, 12] = 300.0, np.pi / 2, speed
    if death:
        log[log[:, 1] >= death, 15] = DEAD
    rows = [
        [0, owner, i, 3.0, bearing, turn + 1, 0, 0, ended + EXPLOSION, state, 1 - owner]
        for i, (owner, turn, bearing, state, ended) in enumerate(bullets)
    ]
    return TurnLog(first, second, log, np.array(rows).reshape(-1, len(BULLET_COLUMNS)), seed=seed)


def first_meeting(log, turn, bearing, speed=11.0):
    """The turn in which the gun's bullet hits the target, flown step by step."""
    for k in range(turn, len(log.turns)):
        x, y = log.turns[k - 1, 9:11]
        r = np.linspace((k - turn) * speed, (k - turn + 1) * speed, 400)
        if (np.abs([300 + r * np.sin(bearing) - x, 100 + r * np.cos(bearing) - y]).max(axis=0) <= 18).any():
            return k + 1
    raise AssertionError("it never hits")
