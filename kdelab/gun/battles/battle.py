"""What is asked of a recording, and what may go wrong with it."""

from dataclasses import dataclass
from numbers import Integral

_BOUNDS = {"rounds": (1, 32_767), "seed": (-(2**63), 2**63 - 1)}  # the table's int16, Java's long


class RecordingError(RuntimeError):
    """A battle that could not be recorded: something is not installed, or a robot threw, stalled, skipped or quit."""


@dataclass(frozen=True)
class Battle:
    """One battle to record: who shoots, at whom, how many rounds, and the seed of the engine's randomness."""

    shooter: str
    enemy: str
    rounds: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("shooter", "enemy"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{name}={value!r} must be the class name of a robot")
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
                raise ValueError(f"{name}={value!r} must be at least {least} and at most {most}, a whole number")
            object.__setattr__(self, name, int(value))

    def __str__(self) -> str:
        return f"{self.shooter} vs {self.enemy}, seed {self.seed}"
