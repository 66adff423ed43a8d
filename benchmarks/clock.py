"""How long something takes once it is warm."""

import statistics
import time
from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]


def burst(call: Call) -> float:
    """Return the median seconds of a burst of calls, as in training, after a while of the same that doesn't count.

    A core that has slept takes some milliseconds to wake and to come to speed: one call after a pause, while another
    library had its turn, would time that.
    """
    _repeated(call)
    return statistics.median(_repeated(call))


def _repeated(call: Call, enough: float = 0.15) -> list[float]:
    """Return the seconds of each call, one after the other until they add up to enough."""
    seconds: list[float] = []
    while sum(seconds) < enough:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds
