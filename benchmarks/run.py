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

from benchmarks.cases import BANDWIDTH

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
        name = case.peer if action != "memory" else case.peer + " memory"
        if name not in self._running:
            result_file = Path(self._folder.name) / f"{len(self._running)}.npz"
            self._running[name] = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", str(result_file)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                env=os.environ | (FRUGAL if action == "memory" else ENVIRONMENT),
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


def measure(cases: list[Case], rounds: int, errors: bool = False, memory: bool = False) -> list[Result]:
    """Time a burst of each case in turn, ``rounds`` times over, after a round that doesn't count."""
    workers = Workers()
    results = [Result(case) for case in cases]
    try:
        for turn in range(rounds + 1):
            for result in results:
                if result.failed:
                    continue
                reply = workers.ask(result.case, "time")
                if "error" in reply:
                    result.failed = reply["error"]
                    print(f"  {result.case.peer}: {result.failed}", flush=True)
                elif turn > 0:
                    result.seconds.append(reply["seconds"])
        if errors:
            _compare(results, workers)
        for result in results if memory else []:
            if not result.failed:
                result.bytes = workers.ask(result.case, "memory").get("bytes")
                workers.ask(result.case, "forget")
    finally:
        workers.close()
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


TUNED = ("numpy tuned", "numba loops", "torch.compile", "jax tuned")
# Slower than torch.compile on the whole arrays wherever it was tried, so that 64 bins are enough of them.
CHUNKED = ("torch chunked", "torch.compile chunked")
PLAIN = ("numpy plain", "torch plain", "jax plain")


def headline(kernel: str) -> list[Case]:
    """Return the cases of the table: each peer at 16, 64 and 256 bins, and in float32 at 16 and 64."""
    ours = [Case("kdelab", kernel), Case("kdelab one-shot", kernel), Case("kdelab binned", kernel)]
    doubles = [Case(peer, kernel, bins) for bins in (16, 64, 256) for peer in TUNED]
    singles = [Case(peer, kernel, bins, "float32") for bins in (16, 64) for peer in TUNED]
    return [*ours, *doubles, *singles, *(Case(peer, kernel) for peer in (*CHUNKED, *PLAIN))]


def scaling() -> Iterator[tuple[str, list[Case]]]:
    """Yield the series along N and along k, for the exact loss and for its most telling rivals at 64 bins."""
    for n in (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000):
        rivals = [Case(peer, n=n) for peer in ("jax tuned", "torch.compile")] if n <= 16_000 else []
        yield "n", [Case("kdelab", n=n), *rivals]
    for k in (10, 30, 100, 300, 1000):
        yield "k", [Case("kdelab", k=k), *(Case(peer, k=k) for peer in ("jax tuned", "torch.compile"))]


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
    """Measure everything."""
    found: dict[str, list[Result]] = {}
    for kernel in ("laplace", "gaussian"):
        print(f"{kernel}: all peers at N = {N}, k = {K}", flush=True)
        found[kernel] = measure(headline(kernel), rounds, errors=True)
    print("peak memory", flush=True)
    remembered = [Case("kdelab"), Case("kdelab one-shot"), *(Case(peer) for peer in (*TUNED, *CHUNKED, *PLAIN))]
    found["memory"] = measure(remembered, 1, memory=True)
    print("limits", flush=True)
    found["limits"] = measure(limits(), rounds)
    for axis, cases in scaling():
        print(f"scaling along {axis}: {getattr(cases[0], axis)}", flush=True)
        found.setdefault(axis, []).extend(measure(cases, max(3, rounds // 2)))
    print("libraries for kernel densities", flush=True)
    found["libraries"] = measure(libraries(), 3, errors=True)
    return found
