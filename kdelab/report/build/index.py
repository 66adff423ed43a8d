"""Over the pages: the index of all claims, with tally and failures, and the thread sentence by sentence."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from kdelab.report.build import cells
from kdelab.report.build.cards import about
from kdelab.report.build.pages import Page, row
from kdelab.report.build.places import leading
from kdelab.report.build.plain import draw
from kdelab.report.build.project import Made
from kdelab.report.build.tally import in_a_sentence, tally
from kdelab.report.build.verdict_json import Summary
from kdelab.report.claims import CLAIMS, THREAD, of_notebook
from kdelab.report.explorer.module import EXAMPLE
from kdelab.report.thread import KINDS, posts

_THUMBNAIL = 360  # pixels across; shown at half of that


def write_index(
    made: Made,
    pages: list[Page],
    observations: list[Page],
    sweeps: list[dict[str, Any]],
    known: Mapping[str, Summary],
    wrong: list[str],
) -> bool:
    """Write the index if it has to be; return whether it was. `observations` are those that belong to no sweep."""
    by_stem = {page.name: page for page in pages}
    stems = list(dict.fromkeys([claim.notebook for claim in CLAIMS]))
    stems += [page.name for page in pages if page.name not in stems and page.rows(known)]
    notebooks = [_entry(stem, by_stem.get(stem), known) for stem in sorted(stems)]
    rows = [told for notebook in notebooks for told in notebook["rows"]]
    counted = tally({told["id"]: told["status"] for told in rows})
    plain = [(page.name, page.title) for page in pages if page.name not in stems]
    lost = [page for page in observations if page.ran is None]
    lead = leading(made.folder.parent, "docs", "")
    context = {
        "thread": THREAD,
        "notebooks": notebooks,
        "tally": counted,
        "counted": in_a_sentence(counted),
        "differing": [told for told in rows if told["published"]],
        "failures": [
            (page.name, page.failure, made.listed(f"{page.name}.html")) for page in [*pages, *lost] if page.failure
        ],
        "wrong": wrong,
        "introduction": next((entry for entry in plain if entry[0].startswith("00-")), None),
        "others": [entry for entry in plain if not entry[0].startswith("00-")],
        "observations": [_told(page) for page in observations if page.ran is not None],
        "sweeps": sweeps,
        "preregistration": lead("preregistration.md"),
        "guide": lead("gun.md"),
        "about": about("index.html", in_a_sentence(counted)),
    }
    return draw(made, "index.html", "site.html.j2", context)


def write_thread(made: Made, pages: Sequence[Page]) -> bool:
    """Write the page of the thread, annotated with these runs' verdicts, if it has to be; return whether it was."""
    context = {
        "thread": THREAD,
        "posts": posts({told["id"]: told["status"] for page in pages for told in page.rows({})}),
        "kinds": KINDS,
        "exist": [page.name for page in pages],
        "about": about(
            "thread.html", "Every sentence of the thread, in our words, with the verdict on what it claims."
        ),
    }
    return draw(made, "thread.html", "thread.html.j2", context)


def write_explorer(made: Made) -> bool:
    """Write the page to play on, if it has to be; return whether it was."""
    told = about(
        "explorer.html", "One prediction to be moved by hand: points, target, kernel; and what the loss wants."
    )
    return draw(made, "explorer.html", "explorer.html.j2", {"state": EXAMPLE, "about": told})


def _entry(stem: str, page: Page | None, known: Mapping[str, Summary]) -> dict[str, Any]:
    """One notebook's part of the index: its title, the thumbnail of what decides, and its claims."""
    if page is None:
        rows = [row(claim, None, known) for claim in of_notebook(stem)]
        name = stem[3:].replace("-", " ")
        return {"stem": stem, "title": name, "exists": False, "thumbnail": "", "rows": rows, "ours": False}
    rows = page.rows(known)
    decisive = [figure for figure in cells.figures(page.ran) if figure.decisive] if page.ran is not None else []
    return {
        "stem": stem,
        "title": page.title,
        "exists": True,
        "thumbnail": _thumbnail(decisive[0].png) if decisive else "",
        "rows": rows,
        "ours": all(told["said"] == "ours" for told in rows),
    }


def _thumbnail(png: str) -> str:
    """Return a small PNG in base64; an empty string for what is no picture."""
    from PIL import Image

    try:
        with Image.open(BytesIO(base64.b64decode(png))) as image:
            height = round(image.height * _THUMBNAIL / image.width)
            small = image.convert("RGB").resize((_THUMBNAIL, height), Image.Resampling.LANCZOS).quantize(64)
    except Exception:  # a notebook may call anything a picture
        return ""
    packed = BytesIO()
    small.save(packed, format="png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _told(page: Page) -> dict[str, str]:
    statuses = [f"{name} {verdict['status']}" for name, verdict in cells.verdicts(page.ran).items()]
    return {
        "name": page.name,
        "title": page.title,
        "given": ", ".join(f"{name} = {text}" for name, text in page.given.items()),
        "statuses": ", ".join(statuses),
        "stale": page.stale,
    }
