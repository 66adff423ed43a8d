"""A process that holds one library and times it on request.

It reads a line of JSON, {"peer", "kernel", "bins", "dtype", "n", "k", "bandwidth", "action"}, and answers with one.
"""

import json
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from kdelab.bench.data import batch
from kdelab.bench.peers import PEERS


@cache
def _data(n: int, k: int, bandwidth: float, dtype: str) -> Any:
    return batch(n, k, bandwidth).cast(dtype)


@cache
def _evaluation(peer: str, kernel: str, bins: int, dtype: str, n: int, k: int, bandwidth: float) -> Any:
    return PEERS[peer](_data(n, k, bandwidth, dtype), kernel, bins)


def _memory(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks for."""
    action = request.pop("action")
    if action == "forget":
        _evaluation.cache_clear()
        _data.cache_clear()
        return {}
    evaluate = _evaluation(**request)
    if action == "time":
        evaluate()
        start = time.perf_counter()
        evaluate()
        return {"seconds": time.perf_counter() - start}
    if action == "memory":
        evaluate()
        Path("/proc/self/clear_refs").write_text("5")
        before = _memory("VmRSS")
        result = evaluate()
        peak = _memory("VmHWM")
        del result
        return {"bytes": max(0, peak - before)}
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
