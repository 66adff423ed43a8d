"""The kernel's values at the nodes of a panel, row by row, in compiled code: each kernel says in its file how."""

from typing import Any

from numba.extending import overload

from kdelab.loss.kernels.base import Compiled
from kdelab.loss.runtime import MATH
from kdelab.loss.validate import Floats


def fill_rows(
    kernel: Compiled, places: Floats, d: Floats, w: Floats, middle: float, half: float, fresh: bool, work: Floats,
    rows: Floats, logs: Floats, sums: Floats,
) -> None:  # fmt: skip
    """Fill rows[q, j] = w_j K(u) / K(0) at node q, up to a factor, and logs[q], its logarithm, and sums[q], over all j.

    Node q lies at middle + half places[q], and point j at d[j], in bandwidths from the target's centre. But for a
    prediction's first panel of this half length, which is ``fresh``, ``work`` (8, k) holds what the one before left.
    """
    raise NotImplementedError("compiled code only")


@overload(fill_rows, jit_options={"error_model": "numpy", "fastmath": MATH}, strict=False)
def _of_kernel(kernel: Any, places: Any, d: Any, w: Any, middle: Any, half: Any, *others: Any) -> Any:
    own = kernel.instance_class.fill_rows
    return lambda kernel, places, d, w, middle, half, fresh, work, rows, logs, sums: own(
        kernel, places, d, w, middle, half, fresh, work, rows, logs, sums
    )
