"""Clusters from tables: a million of them out of lists, a list column of Arrow, and a long table.

``python -m benchmarks.tables``: seconds, the least of three, and by how many MiB the process grows at most meanwhile
(Linux). Each time in a process of its own, in turns; what is given is made before.
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

import kdelab
from benchmarks.worker import memory

WAYS = ("from_lists", "from_arrow", "from_arrow of polars", "from_table", "from_table of pandas")
CLUSTERS, SIZE = 1_000_000, 10  # of so many points in the mean


def given(way: str, clusters: int) -> tuple[Any, ...]:
    """Return the arguments of one way to build clusters."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 2 * SIZE, clusters)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    flat, lower = rng.uniform(-1, 1, int(offsets[-1])), rng.uniform(-1, 0.8, clusters)
    if "table" in way:
        targets = {"lower": np.repeat(lower, sizes), "upper": np.repeat(lower + 0.1, sizes)}
        table = pl.DataFrame({"shot": np.repeat(np.arange(clusters), sizes), "points": flat} | targets)
        return (table.to_pandas() if "pandas" in way else table), "shot"
    column: Any = pa.ListArray.from_arrays(offsets.astype(np.int32), flat)
    if "lists" in way:
        column = np.split(flat, offsets[1:-1])
    elif "polars" in way:
        column = pl.from_arrow(column)
    return column, lower, lower + 0.1


def measured(way: str, clusters: int) -> tuple[float, float]:
    """Return the seconds that it takes, and the MiB."""
    build = getattr(kdelab.Clusters, way.split()[0])
    build(*given(way, 10))  # imports
    arguments = given(way, clusters)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before, start = memory("VmRSS"), time.perf_counter()
    made = build(*arguments)
    seconds = time.perf_counter() - start
    assert len(made) == clusters
    return seconds, (memory("VmHWM") - before) / 2**20


def main() -> None:
    """Print a line a way, or what one process measured."""
    if sys.argv[1:]:
        print(*measured(sys.argv[1], int(sys.argv[2])))
        return
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for _ in range(3):
        for way, results in found.items():
            command = [sys.executable, "-m", "benchmarks.tables", way, str(CLUSTERS)]
            results.append([*map(float, subprocess.run(command, capture_output=True, check=True).stdout.split())])
    print(f"{CLUSTERS:,} clusters of {SIZE} points{'seconds':>20}{'MiB':>8}")
    for way, results in found.items():
        seconds, growth = map(min, zip(*results, strict=True))
        print(f"{way:32}{seconds:19.3f}{growth:8.0f}")


if __name__ == "__main__":
    main()
