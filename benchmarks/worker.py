"""A process that holds one library and times it on request.

It reads a line of JSON, {"peer", "kernel", "bins", "dtype", "n", "k", "bandwidth", "action"}, and answers with one.
"""

import gc
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import batch
from benchmarks.clock import burst
from benchmarks.peers import method


@cache
def _data(n: int, k: int, bandwidth: float, dtype: str) -> Any:
    return batch(n, k, bandwidth).cast(dtype)


@cache
def _evaluation(peer: str, kernel: str, bins: int, dtype: str, n: int, k: int, bandwidth: float) -> Any:
    return method(peer)(_data(n, k, bandwidth, dtype), kernel, bins)


def memory(field: str) -> int:
    """Return what /proc says of this process's memory, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def _peak_memory(peer: str, kernel: str, bins: int, dtype: str, n: int, k: int, bandwidth: float) -> int:
    """Return the bytes of what is prepared, beyond the inputs, and of what comes and goes in one evaluation.

    What compiling leaves behind counts for neither.
    """
    data = _data(n, k, bandwidth, dtype)
    evaluate = method(peer)(data, kernel, bins)
    evaluate()
    gc.collect()
    before = memory("VmRSS")
    another = method(peer)(data, kernel, bins)
    gc.collect()
    prepared = memory("VmRSS") - before
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = memory("VmRSS")
    result = evaluate()
    transient = memory("VmHWM") - before
    del result, another
    return max(0, prepared) + max(0, transient)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks for."""
    action = request.pop("action")
    if action.startswith("forget"):
        _evaluation.cache_clear()
        _data.cache_clear()
        return {}
    if action == "memory":
        return {"bytes": _peak_memory(**request)}
    evaluate = _evaluation(**request)
    if action == "time":
        return {"seconds": burst(evaluate)}
    values, gradient = evaluate()
    np.savez(request_path(), values=values, gradient=gradient if gradient is not None else np.empty(0))
    return {"path": str(request_path())}


def request_path() -> Path:
    """Return where a worker leaves its results for the coordinator."""
    return Path(sys.argv[1])


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # the coordinator reports it and goes on
            reply = {"error": f"{type(error).__name__}: {error}"}
        print("REPLY " + json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
