"""Objects that are made once, from what nobody else can change, and then stay as they are."""

from typing import Any, Self

import numpy as np

from kdelab.loss.validate import read_only


class Frozen:
    """An object whose attributes are set once: what was prepared from them would not follow a change.

    Setting one anew is an AttributeError. Arrays become read-only as they are set, and are so again in copies and after
    pickling; subclasses see to it that nobody else holds them.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self):
            raise AttributeError(
                f"{name} can't be set anew: this {type(self).__name__} was prepared for the one it has; make another"
            )
        self._set(name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name} can't be deleted: this {type(self).__name__} was prepared for it")

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            self._set(name, value)

    @classmethod
    def _with(cls, **attributes: Any) -> Self:
        """Make one of attributes that have been checked before, past the constructor."""
        made = object.__new__(cls)
        made.__setstate__(attributes)
        return made

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, read_only(value) if isinstance(value, np.ndarray) else value)
