"""Fits of many neighbours in parts: time, memory, and what a cluster costs.

``python -m benchmarks.scale streamed FOLDER``: parts of some 200,000 neighbours each, one at a time in memory.
``python -m benchmarks.scale slopes FOLDER``: seconds and bytes a neighbour and a wave, in process.
``python -m benchmarks.scale cluster FOLDER``: two workers of Dask on this machine against one process, in CPU seconds
(in an environment that has Dask: ``make env-distributed``).
The folder gets the parts, the shipped battles over and over, each a little different, and keeps them.
"""

import argparse
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kdelab
from benchmarks.worker import memory
from kdelab.gun.in_parts import InParts
from kdelab.gun.learner import candidates
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.parts import checked_parts
from kdelab.gun.waves.store import save_waves
from kdelab.learn.examples import Batch
from kdelab.learn.form import Form
from kdelab.learn.identity import digest
from kdelab.learn.parts import Resident

SETTINGS: dict[str, Any] = {"neighbours": 110, "validation": 0.05, "retrievals": 1, "max_iter": 8, "patience": None}
MIB = 2**20


def parts_in(folder: Path, parts: int, battles: int) -> Path:
    """Return a folder of so many parts of so many battles each, made if it isn't there."""
    path = folder / f"parts-{parts}-of-{battles}"
    if not path.exists():
        shipped = [table for _, table in kdelab.load_waves().groupby("battle")]
        shipped = [table for table in shipped if len(table) > 1500]
        making = path.with_suffix(".making")
        making.mkdir(parents=True, exist_ok=True)
        for part in range(parts):
            rng, tables = np.random.default_rng(part), []
            for battle in range(battles):
                table = shipped[(part * battles + battle) % len(shipped)].copy()
                for name, (low, high) in RANGES.items():
                    moved = table[name] + rng.normal(0, 0.01 * (high - low), len(table))
                    table[name] = moved.clip(low, high)
                tables.append(table.assign(battle=f"{part} {battle}"))
            save_waves(making / f"part-{part:03}.parquet", pd.concat(tables, ignore_index=True), {})
            print(f"\rmade part {part + 1} of {parts}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        making.rename(path)
    return path


@contextmanager
def peak() -> Iterator[list[float]]:
    """Take the most memory that this process has had in the meantime, in MiB, and seconds and CPU seconds."""
    Path("/proc/self/clear_refs").write_text("5")
    found, clock, cpu = list[float](), time.perf_counter(), time.process_time()
    yield found
    found += [memory("VmHWM") / MIB, time.perf_counter() - clock, time.process_time() - cpu]


def neighbours_in(path: Path) -> int:
    """Return how many neighbours are trained on, part by part."""
    model, total = kdelab.NeighbourModel(**SETTINGS), 0
    for part in sorted(path.iterdir()):
        recall = kdelab.Recall(kdelab.load_waves(part))
        train, _ = candidates(model, recall, np.ones(len(recall)))
        total += int(np.minimum(model.neighbours, recall.memory.stored[train] // model.share).sum())
    return total


def streamed(folder: Path, parts: int) -> None:
    """Print the most memory of a fit of which one part at a time is there, and whether another place gives its bits."""
    path = parts_in(folder, parts, 1)
    print(f"{neighbours_in(path)} neighbours in {parts} parts", flush=True)
    command = [sys.executable, "-m", "benchmarks.scale", "alone", str(path)]
    texts = []
    for where in ("streamed", "resident"):
        done = subprocess.run([*command, "--where", where], capture_output=True, text=True, check=True)
        said, text = done.stdout.splitlines()
        print(f"{where:9}{said}", flush=True)
        texts.append(text)
    print(f"the same bits: {len(set(texts)) == 1}")


def alone(path: Path, where: str) -> None:
    """Fit in this process, and print what it took, and what was learned."""
    model = kdelab.NeighbourModel(**SETTINGS)
    with peak() as told:
        kdelab.distributed.fit(model, path, streamed=where == "streamed", scratch=path.parent)
    print(f"{told[0]:6.0f} MiB at most, {told[1]:.0f} s, {told[2]:.0f} CPU s")
    print(digest(model.to_json().encode()))


def slopes(folder: Path, parts: int) -> None:
    """Print the CPU seconds and the memory of parts of three sizes, and what they send."""
    print("    waves   neighbours  glance    read   found  evaluated     MiB      sent")
    for battles in (2, 8, 32):
        path = parts_in(folder, 1, battles)
        model, before = kdelab.NeighbourModel(**SETTINGS), memory("VmRSS") / MIB
        checked_parts(path)
        with peak() as glancing:
            checked_parts(path)
        with peak() as reading:
            dealt = InParts(model, path, Resident(), None)
        train = dealt.examples[0]
        part = train._parts[0].train
        start = Form.named(model.form, 14).start
        with peak() as finding:
            found = part.nearest(start)
        piece = part.prepared(found, 1.0)
        batch = Batch.of(train.form, piece)
        batch.value_and_grad(start)
        with peak() as evaluating:
            for _ in range(3):
                batch.value_and_grad(start)
        sent = len(pickle.dumps(piece.evaluated(start)))
        row = [glancing[2], reading[2], finding[2], evaluating[2] / 3]
        print(
            f"{len(part.retriever.features):9,} {len(found.rows):12,} "
            f"{row[0]:6.3f}s {row[1]:6.2f}s {row[2]:6.2f}s {row[3]:9.3f}s "
            f"{memory('VmRSS') / MIB - before:7.0f} {sent / 1024:6.0f} kB",
            flush=True,
        )


def cluster(folder: Path, parts: int) -> None:
    """Print the CPU seconds of a fit by two workers, scheduler and client included, and by this process alone."""
    import distributed

    path = parts_in(folder, 2, 50)
    made = {"processes": True, "n_workers": 2, "threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
    with distributed.LocalCluster(**made) as local, distributed.Client(local) as client:
        client.run(warm)
        warm()
        clock = time.perf_counter()
        client.gather(client.map(np.zeros, [3000] * 1000, pure=False))  # as large as the sums of a part
        task = (time.perf_counter() - clock) / 1000
        by_workers, model = client.run(time.process_time), kdelab.NeighbourModel(**SETTINGS)
        with peak() as told:  # the scheduler is in this process, too
            kdelab.distributed.fit(model, path, local.scheduler_address)
        workers = sum(client.run(time.process_time).values()) - sum(by_workers.values())
    total = workers + told[2]
    print(f"cluster   {total:6.1f} CPU s, of the workers {workers:.1f}, {told[1]:6.1f} s", flush=True)
    with peak() as told:
        here = kdelab.distributed.fit(kdelab.NeighbourModel(**SETTINGS), path)
    print(f"process   {told[2]:6.1f} CPU s, {told[1]:6.1f} s")
    print(f"a task    {task * 1e3:6.2f} ms, of a thousand that do nothing")
    print(f"overhead  {total / told[2] - 1:6.1%}; the same bits: {here.to_json() == model.to_json()}")


def warm() -> None:
    """Compile, or load, all that a fit runs."""
    few = kdelab.NeighbourModel(**SETTINGS | {"predictions": 50, "max_iter": 1})
    few.fit(kdelab.load_waves())


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("what", choices=("streamed", "slopes", "cluster", "alone"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", type=int, default=50)
    parser.add_argument("--where", default="streamed", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.what == "alone":
        alone(given.folder, given.where)
    else:
        {"streamed": streamed, "slopes": slopes, "cluster": cluster}[given.what](given.folder, given.parts)


if __name__ == "__main__":
    main()
