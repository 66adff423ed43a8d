"""Which of the two computes what, and how it is derived: by the engine's own gradients, those by the native ones."""

from functools import partial
from typing import Any, NamedTuple

import jax
from jax.custom_derivatives import SymbolicZero

from kdelab.jax import engine, native
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native.units import Padded
from kdelab.loss.padded import BY


class What(NamedTuple):
    """What isn't an array, and whether the compiled engine may be used on a CPU."""

    kernel: Kernel
    background: float
    panels: int | None
    engine: bool


def losses(what: What, padded: Padded) -> Any:
    """Return L (n,)."""
    if not what.engine:
        return native.losses(*what[:3], padded)
    return _losses(what, *padded)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _losses(what: What, *padded: Any) -> Any:
    return _evaluated(what, (), Padded(*padded))[0]


@partial(_losses.defjvp, symbolic_zeros=True)
def _(what: What, primals: Any, tangents: Any) -> Any:
    by = _moving(tangents)
    values, *gradients = _with_gradients(what, tuple(by), *primals)
    return values, sum(_along(one, by[name]) for name, one in zip(by, gradients, strict=True))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _with_gradients(what: What, by: tuple[str, ...], *padded: Any) -> Any:
    return _evaluated(what, by, Padded(*padded))


@partial(_with_gradients.defjvp, symbolic_zeros=True)
def _(what: What, by: tuple[str, ...], primals: Any, tangents: Any) -> Any:
    padded, moving = Padded(*primals), _moving(tangents)

    def found(chosen: dict[str, Any]) -> Any:
        return native.with_gradients(*what[:3], by, padded._replace(**chosen))

    along = jax.jvp(found, [{name: getattr(padded, name) for name in moving}], [moving])[1]
    return _with_gradients(what, by, *primals), along


def _evaluated(what: What, by: tuple[str, ...], padded: Padded) -> list[Any]:
    def natively(padded: Padded) -> list[Any]:
        return native.with_gradients(*what[:3], by, padded) if by else [native.losses(*what[:3], padded)]

    by_engine = partial(engine.evaluate, what.kernel, what.background, by)
    if jax.default_backend() == "cpu":  # then there is nothing else, and kernels need no operations of JAX's
        return by_engine(padded)
    return list(jax.lax.platform_dependent(padded, cpu=by_engine, default=natively))


def _moving(tangents: Any) -> dict[str, Any]:
    """Return the tangents that aren't 0, by name."""
    named = zip(BY, tangents, strict=False)
    return {name: one for name, one in named if not (one is None or type(one) is SymbolicZero)}


def _along(gradient: Any, tangent: Any) -> Any:
    """Return the derivative of each loss along a tangent."""
    along = gradient * tangent
    return along if along.ndim == 1 else along.sum(-1)
