"""The page of benchmarks: our own history as a chart and a table, and the tables that the guides publish."""

import base64
import csv
import re
from collections.abc import Iterator
from html import escape
from io import BytesIO
from pathlib import Path

from kdelab.report.build import mathml
from kdelab.report.build.places import CODE, HISTORY, leading
from kdelab.report.build.plain import Plain, mark, marked
from kdelab.report.build.project import Made

Run = dict[str, tuple[float, float]]  # milliseconds, and times the yardstick, by case

_FILE = "benchmarks.html"
_SHOWN = 6  # runs in the table
_PUBLISHED = re.compile(r"^## ((?:How fast|Against others)[^\n]*)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_INTRODUCTION = """
<p>How long users wait, over the time that NumPy's <code>exp</code> takes for as many numbers as there are points, both
on one thread: so entries of different machines can be compared roughly, and those of one machine well. The cases are
250 predictions of 100 points, unless they say otherwise; <code>value_and_grads</code> has every gradient there is,
<code>one-shot</code> prepares anew. To measure on yours, and add an entry:</p>
<pre tabindex="0">make history    # our own cases, ten minutes
make bench      # the loss against its peers, in an environment of their own</pre>
"""


def write_benchmarks(made: Made, root: Path) -> bool:
    """Write the page if a project has a history, and if it has to be; return whether it was."""
    if not (root / HISTORY).is_file():
        return False
    now = mark(made, [(root / name).read_text(encoding="utf-8") for name in [HISTORY, *_documents(root)]])
    return not marked(made, _FILE, now) and page(root, now).write(made)


def page(root: Path, made_of: str = "") -> Plain:
    """Return the page, with a mark of what it is made of."""
    runs = _runs((root / HISTORY).read_text(encoding="utf-8"))
    history = f"<h2>History</h2>{_chart(runs)}{_table(runs)}"
    body = f"<h1>Benchmarks</h1>{_INTRODUCTION}{history}{''.join(_published(root))}{made_of}"
    words = "How long the loss and a step of training take: our own history, and what others take for the same."
    return Plain(_FILE, "Benchmarks", "benchmarks", body, (HISTORY, CODE + HISTORY), words)


def _runs(text: str) -> list[tuple[str, Run]]:
    """Return the runs, the oldest first, with date and version each: a case that comes again begins one."""
    runs: list[tuple[str, Run]] = []
    for line in csv.DictReader(text.splitlines()):
        if not runs or line["case"] in runs[-1][1]:
            runs.append((f"{line['date']}, {line['version']}", {}))
        runs[-1][1][line["case"]] = (float(line["milliseconds"]), float(line["ratio"]))
    return runs


def _table(runs: list[tuple[str, Run]]) -> str:
    shown = runs[-_SHOWN:]
    name, last = runs[-1]
    first = len(runs) - len(shown) + 1
    heads = "".join(
        f'<th scope="col">times exp, run {number}: {escape(when)}</th>' for number, (when, _) in enumerate(shown, first)
    )
    rows = []
    for case in last:
        ratios = [run[case][1] if case in run else None for _, run in shown]
        before = next((run[case][1] for _, run in reversed(runs[:-1]) if case in run), None)
        change = f"{last[case][1] / before - 1:+.0%}" if before else "new"
        numbers = "".join(f"<td>{_short(ratio)}</td>" for ratio in ratios)
        rows.append(
            f'<tr><th scope="row">{escape(case)}</th><td>{_short(last[case][0])}</td>{numbers}<td>{change}</td></tr>'
        )
    head = f'<tr><th scope="col">case</th><th scope="col">ms now</th>{heads}<th scope="col">change</th></tr>'
    caption = f"<caption>{len(runs)} runs, the newest of {escape(name)}; less is faster</caption>"
    table = f'<table class="history">{caption}<thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
    return mathml.scrolling(table, "History as a table")


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _chart(runs: list[tuple[str, Run]]) -> str:
    """Return a chart of the newest run, a row a case, with the runs before it fainter."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from kdelab.plot import style

    last = runs[-1][1]
    cases = sorted(last, key=lambda case: last[case][1])
    with mpl.rc_context():
        style.use()
        mpl.rcParams["svg.hashsalt"] = "kdelab"  # the same names inside of the file at every build
        figure = Figure(figsize=(5.6, 0.24 * len(cases) + 1.2))
        axes = figure.subplots()
        for _, run in runs[:-1]:
            there = [case for case in cases if case in run]
            places = [cases.index(case) for case in there]
            axes.plot([run[case][1] for case in there], places, "o", mfc="none", mec=style.COLOURS["muted"], ms=5)
        axes.plot([last[case][1] for case in cases], range(len(cases)), "o", color=style.COLOURS["density"], ms=6)
        axes.set(xscale="log", xlabel="times NumPy's exp (less is faster)")
        axes.set_yticks(range(len(cases)), cases)
        figure.suptitle("The newest run, and before it (circles)", x=0.02, ha="left", fontsize=12, fontweight="bold")
        raw = BytesIO()
        figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None})
    ends = f"from {_short(last[cases[0]][1])} ({cases[0]}) to {_short(last[cases[-1]][1])} times ({cases[-1]})"
    alt = f"Dots on a logarithmic axis, a row a case: {ends} what exp takes. The table has the numbers."
    data = base64.b64encode(raw.getvalue()).decode()
    return f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}"></figure>'


def _documents(root: Path) -> list[str]:
    paths = [*sorted((root / "docs").glob("*.md")), root / "README.md"]
    return [path.relative_to(root).as_posix() for path in paths if path.is_file()]


def _published(root: Path) -> Iterator[str]:
    """Yield what the guides and the README publish of their own measurements."""
    for name in _documents(root):
        path = root / name
        source = path.read_text(encoding="utf-8")
        folder = path.parent.relative_to(root).as_posix()
        lead = leading(root, folder, "")
        for heading, text in _PUBLISHED.findall(source):
            where = lead(path.name)
            title = re.search(r"^# (.+)$", source, re.MULTILINE)
            named = mathml.inline(f"{title[1] if title else path.stem}: {heading[0].lower()}{heading[1:]}")
            source_of = f'<p>From <a href="{escape(where)}">{escape(path.name)}</a>.</p>'
            yield f"<h2>{named}</h2>{mathml.markdown(text, lead)}{source_of}"
