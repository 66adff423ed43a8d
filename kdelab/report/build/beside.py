"""What stands beside the claims' pages: guides, API reference, benchmarks, search, and pictures for previews."""

from collections.abc import Sequence

from kdelab.report.build import api, benchmarks, cells, docs, search
from kdelab.report.build.cards import CARD, card_of, decisive, of_verdicts, write_card
from kdelab.report.build.pages import Page
from kdelab.report.build.places import places
from kdelab.report.build.project import Made, Project
from kdelab.report.build.tally import in_a_sentence, tally

_PICTURED = "05-near-and-far"  # whose figure stands for all


def files(project: Project, pages: Sequence[Page]) -> set[str]:
    """Return the names of all that is written beside the claims' pages."""
    there = {href for _, href in places(project.root)}
    reference = api.files() if "api/index.html" in there else []
    return {*there, *docs.files(project.root), *reference, CARD, *(card_of(page.name) for page in pages)}


def write(project: Project, made: Made, pages: Sequence[Page]) -> tuple[list[str], list[str]]:
    """Write what has changed; return what was written, in groups, and what went wrong."""
    written: list[str] = []
    wrong: list[str] = []
    there = {href for _, href in places(project.root)}
    written += ["pictures"] * any([_write_card(made, page) for page in pages] + [_write_first_card(made, pages)])
    written += ["guides"] * any([page.write(made) for page in docs.guides(project.root)])
    if "api/index.html" in there:
        reference, wrong = api.write_api(made)
        written += ["API"] * bool(reference)
    written += ["benchmarks"] * benchmarks.write_benchmarks(made, project.root)
    written += ["search"] * search.write_search(made)
    return written, wrong


def _write_card(made: Made, page: Page) -> bool:
    if page.ran is None:
        return False
    return write_card(made, card_of(page.name), page.title, of_verdicts(cells.verdicts(page.ran)), decisive(page.ran))


def _write_first_card(made: Made, pages: Sequence[Page]) -> bool:
    counted = tally({row["id"]: row["status"] for page in pages for row in page.rows({})})
    pictured = next((page for page in pages if page.name == _PICTURED), None)
    figure = decisive(pictured.ran) if pictured else ""
    return write_card(made, CARD, "How a claim is checked", in_a_sentence(counted), figure)
