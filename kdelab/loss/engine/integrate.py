"""Loss and gradient by quadrature in log space, for every kernel."""

import math
from typing import Any

import numba
import numpy as np
from numba import prange

from kdelab.loss.engine.compiled import MATH, compiled, exp, highest, total
from kdelab.loss.engine.nodes import BOX, terms

# A panel is halved no further than 2^-48 of its parameter: by then a logarithmic singularity at its end is integrated
# to the last digit, and nothing can keep the loop from ending.
_FINEST = 2.0**-48
_ROUNDING = 8 * 2.0**-52


@compiled(parallel=True)
def integrate(
    blocks: int, kernel: Any, background: float, x: Any, ends: Any, lower: Any, upper: Any, z: Any,
    panels: Any, rule: Any, tolerance: float, loss: Any, gradient: Any,
) -> None:  # fmt: skip
    """Fill loss (n,) and gradient (total,).

    Predictions are independent and each is summed in a fixed order: the result doesn't depend on the threads.

    Parameters
    ----------
    blocks : int
        Into how many parts the predictions are dealt to threads.
    kernel : (code, beta, log constant, h), see `nodes.code_of`
    panels : (offsets, origins, lengths, power), see `panels.cut`
    rule : (nodes, fine weights, coarse weights)
    tolerance : float
        The error allowed; 0 applies the rule once to each panel, as it is.
    """
    n = lower.size
    for block in prange(blocks):
        first, last = block * n // blocks, (block + 1) * n // blocks
        widest = 1
        for i in range(first, last):
            widest = max(widest, ends[i + 1] - ends[i])
        work = np.empty((5, widest))
        stack = np.empty((64, 2))
        for i in range(first, last):
            part = slice(ends[i], ends[i + 1])
            loss[i] = _cluster(
                kernel, background, x[part], z[part], upper[i] - lower[i], panels, panels[0][i], panels[0][i + 1],
                rule, tolerance, work[:, : ends[i + 1] - ends[i]], stack, gradient[part],
            )  # fmt: skip


@numba.njit(error_model="numpy", fastmath=MATH)
def _cluster(
    kernel: Any, background: float, x: Any, logits: Any, width: float,
    panels: Any, first: int, last: int, rule: Any, tolerance: float, work: Any, stack: Any, gradient: Any,
) -> float:  # fmt: skip
    """Return the loss of one prediction and fill its gradient, S_j mean(R) - mean(r_j)."""
    code, beta, log_constant, h = kernel
    _, origins, lengths, power = panels
    z, w, r, fine, coarse = work[0], work[1], work[2], work[3], work[4]
    top = highest(logits)
    for j in range(x.size):
        z[j] = logits[j] - top
        w[j] = exp(z[j])
        gradient[j] = 0.0
    z_total = total(w)
    log_scale = log_constant - math.log(z_total) + math.log1p(-background)
    a = origins[first]
    anchor = _anchor(x, z, h, a, a + width)

    infinite = False
    mean_log = 0.0
    mean_reached = 0.0
    for panel in range(first, last):
        o, length = origins[panel], lengths[panel]
        share = abs(length) / width if width > 0.0 else 1.0 / (last - first)
        middle = o + 0.5 * length
        log_background = math.log(background / 2) if background > 0.0 and abs(middle) <= 1.0 else -np.inf
        open_end = code >= BOX and tolerance > 0.0 and log_background == -np.inf
        if open_end and terms(code, beta, h, x, z, w, anchor, o, 0.5 * length, r)[1] == 0.0:
            infinite = True
            continue
        stack[0, 0], stack[0, 1], height = 0.0, 1.0, 1
        while height > 0:
            height -= 1
            s0, s1 = stack[height, 0], stack[height, 1]
            half = 0.5 * (s1 - s0)
            log_fine, log_coarse, reached, largest, rounded = 0.0, 0.0, 0.0, 0.0, 1.0
            fine[:] = 0.0
            coarse[:] = 0.0
            log_p = log_scale - 36.0
            for q in range(rule[0].size):
                s = s0 + half * (1.0 + rule[0][q])
                slope = half * share
                if width == 0.0:
                    s = 0.0
                elif power > 1:
                    slope *= power * s ** (power - 1)
                weight, weight_coarse = slope * rule[1][q], slope * rule[2][q]
                if weight == 0.0:
                    continue
                scale, s_total, size = terms(code, beta, h, x, z, w, anchor, o, length * s**power, r)
                part = 1.0
                if s_total > 0.0:
                    log_p = log_scale + scale + math.log(s_total)
                elif log_background == -np.inf and (tolerance == 0.0 or width == 0.0):
                    infinite = True
                    continue
                # Else a covered panel: this node lies within rounding of its end, and its neighbour speaks for it.
                if log_background > -np.inf:
                    if s_total == 0.0:
                        log_p, part = log_background, 0.0
                    else:
                        larger, smaller = max(log_p, log_background), min(log_p, log_background)
                        mixed = larger + math.log1p(math.exp(smaller - larger))
                        part = math.exp(log_p - mixed)
                        log_p = mixed
                log_fine += weight * log_p
                log_coarse += weight_coarse * log_p
                largest, rounded = max(largest, abs(log_p)), max(rounded, size)
                if s_total > 0.0:
                    reached += weight * part
                    weight *= part / s_total
                    weight_coarse *= part / s_total
                    for j in range(x.size):
                        fine[j] += weight * r[j]
                    if weight_coarse != 0.0:
                        for j in range(x.size):
                            coarse[j] += weight_coarse * r[j]
            if tolerance > 0.0 and width > 0.0 and s1 - s0 > _FINEST:
                span = share * (s1**power - s0**power)
                for j in range(x.size):
                    coarse[j] = abs(coarse[j] - fine[j])
                good = _good(abs(log_fine - log_coarse), span, _ROUNDING * largest, tolerance, code) and _good(
                    highest(coarse), span, _ROUNDING * rounded, tolerance, code
                )
                if not good:
                    stack[height, 0], stack[height, 1] = s0, s0 + half
                    stack[height + 1, 0], stack[height + 1, 1] = s0 + half, s1
                    height += 2
                    continue
            mean_log += log_fine
            mean_reached += reached
            for j in range(x.size):
                gradient[j] += fine[j]
    for j in range(x.size):
        gradient[j] = w[j] / z_total * mean_reached - gradient[j]
    return np.inf if infinite else -mean_log


@numba.njit(error_model="numpy", fastmath=MATH)
def _good(difference: float, span: float, rounding: float, tolerance: float, code: int) -> bool:
    """Tell whether a panel that covers ``span`` of the target is integrated well enough.

    The coarse rule errs by ``difference``. Where the integrand is analytic, the fine rule, of 1.6 times the degree,
    errs by its power 1.5 at most; a compact kernel's log p can have a singular end, where it doesn't. A panel may
    spend its span's share of the tolerance, or a hundredth of it in any case.
    """
    error = difference if code > BOX else difference * min(1.0, 30.0 * math.sqrt(difference / span))
    return error <= max(tolerance * max(span, 0.01), rounding * span)


@numba.njit(error_model="numpy", fastmath=MATH)
def _anchor(x: Any, z: Any, h: float, a: float, b: float) -> int:
    """Return the point of the largest z_j - d_j / h, d_j its distance to the target."""
    best, anchor = -np.inf, 0
    for j in range(x.size):
        value = z[j] - max(max(a - x[j], x[j] - b), 0.0) / h
        if value > best:
            best, anchor = value, j
    return anchor
