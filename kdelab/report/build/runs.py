"""Runs of notebooks with papermill: two at a time, each in a kernel of its own, and none outlives the build."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kdelab.report.build.client import TIMEOUT, Execution, Kernels, Run
from kdelab.report.build.project import Project, working

AT_ONCE = 2


@dataclass(frozen=True)
class Job:
    """A notebook to be run, with parameters that replace its defaults, and the fingerprint of it all.

    It holds the notebook as it was read: a file that is edited meanwhile doesn't get another's outputs.
    """

    path: Path
    notebook: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


@contextmanager
def running(
    project: Project,
    jobs: Sequence[Job],
    doing: str,
    first: Callable[[Job], Any] | None = None,
    timeout: float = TIMEOUT,
) -> Iterator[Iterator[tuple[Job, Run]]]:
    """Run notebooks two at a time under a progress bar; iterate over what is given to get each as it finishes.

    Parameters
    ----------
    project
        Whose reports/ holds what kernels need while they run.
    jobs
        What to run.
    doing
        Label of the progress bar.
    first
        Priority: jobs with larger values start earlier, so that a long one isn't the last to start.
    timeout
        Seconds that a cell may take.

    Notes
    -----
    When the block is left, by whatever exception, all kernels have ended. They are this process's own children, and
    are killed with it even if it is killed itself (on Linux; elsewhere within seconds).
    """
    waiting = sorted(jobs, key=first, reverse=True) if first else list(jobs)
    kernels = Kernels()
    with working(project) as work, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # papermill's and zmq's own, about versions: a kernel's warnings are its output
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            yield _each(pool, waiting, work, kernels, doing, timeout)
        finally:
            kernels.stop()
            pool.shutdown(cancel_futures=True)


def _each(
    pool: ThreadPoolExecutor, jobs: Sequence[Job], work: Path, kernels: Kernels, doing: str, timeout: float
) -> Iterator[tuple[Job, Run]]:
    def run(job: Job) -> Run:
        return Execution(job.notebook, job.path.parent, work, kernels, timeout).run(job.parameters)

    with tqdm(total=len(jobs), desc=doing, unit="notebook", disable=not jobs) as bar:
        futures = {pool.submit(run, job): job for job in jobs}
        for future in as_completed(futures):
            job, done = futures[future], future.result()
            bar.set_postfix_str(f"{job.path.stem} {done.seconds:.0f} s", refresh=False)
            bar.update()
            yield job, done
