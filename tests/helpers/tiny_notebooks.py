"""Notebooks of a few cells, and a stand-in for their runs: what a notebook's file holds counts as its outputs."""

from contextlib import contextmanager

import nbformat

from kdelab.report.build import cells, site
from kdelab.report.build.client import Run
from kdelab.report.build.inside import versions


def notebook(*sources_and_tags):
    """A notebook of (source, tag, ...); a source that begins with # is prose."""
    made = []
    for source, *tags in sources_and_tags:
        kind = nbformat.v4.new_markdown_cell if source.startswith("#") else nbformat.v4.new_code_cell
        made.append(kind(source.strip("\n"), metadata={"tags": tags} if tags else {}))
    return cells.tidy(nbformat.v4.new_notebook(cells=made))


def display(data, metadata=None):
    """An output that shows this."""
    return nbformat.v4.new_output("display_data", data={"text/plain": "shown", **data}, metadata=metadata or {})


WAVES = 'waves: str = "samples"  # "samples", "surfers" or a path: what is printed'
GOOD = notebook(("# A good one",), (WAVES, "parameters"), ("print(waves)",))


def save(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, path)
    return path


class Runs:
    """Stands in for `running`: no kernel, and an account of which notebooks were run."""

    def __init__(self):
        self.names = []
        self.failures = {}  # by stem
        self.reads = {}  # for all

    @contextmanager
    def __call__(self, project, jobs, doing, first=None, timeout=None):
        yield self._each(jobs)

    def build(self, project):
        """Build the site; what went wrong, and which notebooks were run for it."""
        self.names.clear()
        wrong = site.build(project)
        return wrong, list(self.names)

    def _each(self, jobs):
        for job in jobs:
            self.names.append(job.path.stem)
            yield job, Run(job.notebook, 0.5, self.failures.get(job.path.stem), versions(), self.reads)
