"""The measurements: every library in its own process, all of them in turn, round after round."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.cases import BANDWIDTH, KERNELS

N, K = 4096, 100

# The same for all: both cores, and an allocator that keeps what it has. glibc's default hands large arrays back to
# the system after each use, and every page of them costs a fault at the next.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "2",
    "NUMBA_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
# Where memory is measured, the allocator hands back at once what is freed.
FRUGAL = ENVIRONMENT | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_TOP_PAD_": "0"}


@dataclass(frozen=True)
class Case:
    """One thing to time."""

    peer: str
    kernel: str = "laplace"
    bins: int = 64
    dtype: str = "float64"
    n: int = N
    k: int = K
    bandwidth: float = BANDWIDTH


@dataclass
class Result:
    """What came out: seconds of each round, and where it was asked for, errors against kdelab and peak memory."""

    case: Case
    seconds: list[float] = field(default_factory=list)
    loss_error: float | None = None
    gradient_error: float | None = None
    bytes: int | None = None
    failed: str | None = None

    @property
    def median(self) -> float:
        """Return the median time, in seconds."""
        return statistics.median(self.seconds) if self.seconds else float("nan")


class Workers:
    """A process a library, started when it is first needed."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._folder = tempfile.TemporaryDirectory()

    def ask(self, case: Case, action: str) -> dict[str, Any]:
        """Send a request to the case's library and return its answer."""
        name = case.peer + " memory" * action.endswith("memory")
        if name not in self._running:
            result_file = Path(self._folder.name) / f"{len(self._running)}.npz"
            self._running[name] = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", str(result_file)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                env=os.environ | (FRUGAL if action.endswith("memory") else ENVIRONMENT),
            )  # fmt: skip
        process = self._running[name]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(case) | {"action": action}) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith("REPLY "):
                return dict(json.loads(line[6:]))
        return {"error": f"the process of {case.peer} ended"}

    def close(self) -> None:
        """End every process."""
        for process in self._running.values():
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
        self._running.clear()


def measure(
    workers: Workers, told: str, cases: list[Case], rounds: int, action: str = "time", errors: bool = False
) -> list[Result]:
    """Time a burst of each case in turn, ``rounds`` times over, after a round that compiles and doesn't count.

    With the action "memory" each case is asked once, for its peak memory. A bar says which case it is.
    """
    results = [Result(case) for case in cases]
    turns = [0] if action == "memory" else list(range(rounds + 1))
    with tqdm(total=len(turns) * len(cases), desc=told, unit="burst", mininterval=0) as bar:
        for turn in turns:
            for result in results:
                bar.set_postfix_str(f"{'compiling ' * (not turn)}{result.case.peer}", refresh=True)
                reply = {} if result.failed else workers.ask(result.case, action)
                bar.update()
                if "error" in reply:
                    result.failed = reply["error"]
                    bar.write(f"  {result.case.peer}: {result.failed}")
                elif "bytes" in reply:
                    result.bytes = reply["bytes"]
                elif turn > 0 and reply:
                    result.seconds.append(reply["seconds"])
        if errors:
            bar.set_postfix_str("errors")
            _compare(results, workers)
    for case in cases:
        workers.ask(case, "forget memory" if action == "memory" else "forget")  # the largest batches are gigabytes
    return results


def _compare(results: list[Result], workers: Workers) -> None:
    """Fill the errors against kdelab, which is exact, or adaptive to 1e-12."""
    truth: dict[Any, Any] = {}
    for result in results:
        case = result.case
        if result.failed:
            continue
        key = (case.kernel, case.n, case.k, case.bandwidth)
        if key not in truth:
            reply = workers.ask(Case("kdelab", case.kernel, n=case.n, k=case.k, bandwidth=case.bandwidth), "result")
            with np.load(reply["path"]) as file:
                truth[key] = file["values"], file["gradient"]
        reply = workers.ask(case, "result")
        if "path" in reply:
            with np.load(reply["path"]) as file:
                values, gradient = file["values"], file["gradient"].reshape(-1)
            result.loss_error = float(np.abs(values - truth[key][0]).max())
            if gradient.size:
                result.gradient_error = float(np.abs(gradient - truth[key][1]).max())


TUNED = ("numpy tuned", "numba loops", "torch.compile", "jax tuned", "jax direct")
# Slower than torch.compile on the whole arrays wherever it was tried, so that 64 bins are enough of them.
CHUNKED = ("torch chunked", "torch.compile chunked")
PLAIN = ("numpy plain", "torch plain", "jax plain")


HEADLINES = ("laplace", "gaussian")


def headline(kernel: str) -> list[Case]:
    """Return the cases of the table: each peer with 64 bins and with 16 in float32; the fastest with more and fewer."""
    ours = [Case("kdelab", kernel), Case("kdelab one-shot", kernel), Case("kdelab binned", kernel)]
    tuned = [case for peer in TUNED for case in (Case(peer, kernel), Case(peer, kernel, 16, "float32"))]
    fastest = [Case("jax tuned", kernel, bins) for bins in (16, 256)] + [Case("jax tuned", kernel, 64, "float32")]
    return [*ours, *tuned, *fastest, *(Case(peer, kernel) for peer in (*CHUNKED, *PLAIN))]


# torch.compile takes longer to compile than to measure, and twice JAX's time wherever both were tried.
FAST = ("jax direct", "numba loops")


def other(kernel: str) -> list[Case]:
    """Return the cases of a kernel that has no table of its own: ours, and the fastest peers both ways."""
    peers = [case for peer in FAST for case in (Case(peer, kernel, 16, "float32"), Case(peer, kernel))]
    return [Case("kdelab", kernel), Case("kdelab one-shot", kernel), *peers]


def scaling() -> Iterator[tuple[str, list[Case]]]:
    """Yield the series along N and along k, for the exact loss and for its most telling rival at 64 bins."""
    for n in (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000):
        yield "n", [Case("kdelab", n=n), *([Case("jax tuned", n=n)] if n <= 16_000 else [])]
    for k in (10, 30, 100, 300, 1000):
        yield "k", [Case("kdelab", k=k), Case("jax tuned", k=k)]


def limits() -> list[Case]:
    """Return the exact loss, the same of ragged clusters, and what nothing that computes a softmax can go below."""
    return [Case("kdelab"), Case("kdelab ragged"), Case("one exponential"), Case("one exponential, libm")]


def libraries() -> list[Case]:
    """Return the libraries for kernel densities, on few predictions: they have losses only, cluster by cluster."""
    return [Case("KDEpy", n=64), Case("scikit-learn", n=64)]


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return {"cpu": f"{model}, {os.cpu_count()} cores", "python": platform.python_version(), "system": platform.system()}


def run(rounds: int) -> dict[str, list[Result]]:
    """Measure everything; a library's process lives on from one table to the next."""
    found: dict[str, list[Result]] = {}
    few = max(3, rounds // 2)
    workers = Workers()
    try:
        for kernel in HEADLINES:
            found[kernel] = measure(workers, kernel, headline(kernel), rounds, errors=True)
        for kernel in KERNELS:
            if kernel not in HEADLINES:
                found[kernel] = measure(workers, kernel, other(kernel), few, errors=True)
        found["limits"] = measure(workers, "limits", limits(), rounds)
        for axis, cases in scaling():
            told = f"{axis} = {getattr(cases[0], axis):,}"
            found.setdefault(axis, []).extend(measure(workers, told, cases, few))
        found["libraries"] = measure(workers, "libraries for kernel densities", libraries(), 3, errors=True)
        remembered = [Case(peer) for peer in ("kdelab", "kdelab one-shot", "numba loops", "torch.compile", "jax tuned")]
        found["memory"] = measure(workers, "peak memory", remembered, 1, action="memory")
    finally:
        workers.close()
    return found
