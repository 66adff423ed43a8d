"""Dask's scheduler and workers, as processes of their own: nothing is collected where Dask isn't installed."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

collect_ignore_glob = [] if importlib.util.find_spec("distributed") else ["test_*.py"]
ROOT = Path(__file__).parents[3]
PATHS = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])
ALONE = os.environ | {"PYTHONPATH": PATHS, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Cluster:
    """A scheduler and two workers of one thread each, started as docs/scale.md says."""

    def __init__(self, folder: Path, failures: int = 3) -> None:
        self.folder, self.workers = folder, list[subprocess.Popen]()
        self._environment = ALONE | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures)}
        told = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(told))
        while not told.exists() or not told.read_text().strip():
            assert self.scheduler.poll() is None, (folder / "scheduler.log").read_text()
            time.sleep(0.05)
        self.address = json.loads(told.read_text())["address"]
        for name in ("one", "two"):
            self.work(name)

    def work(self, name: str) -> None:
        """Start a worker."""
        local = ["--local-directory", str(self.folder / name), "--name", name]
        self.workers.append(
            self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", *local)
        )

    def _start(self, what: str, *arguments: str) -> subprocess.Popen:
        with open(self.folder / f"{what}.log", "a") as log:
            command = [sys.executable, "-m", "dask", what, *arguments]
            return subprocess.Popen(command, env=self._environment, cwd=self.folder, stdout=log, stderr=log)

    def close(self) -> None:
        """Kill all."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Two workers; indirectly parametrised, with how many of them a task may take with it."""
    made = Cluster(tmp_path, getattr(request, "param", 3))
    yield made
    made.close()
