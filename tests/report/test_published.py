"""What is committed agrees with itself: notebooks, their verdicts, the record, its tables."""

from pathlib import Path

import nbformat
import pytest

from kdelab.report.build import cells, mathml, published
from kdelab.report.build.project import Project
from kdelab.report.claims import of_notebook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = cells.listed(ROOT / "notebooks")


def test_notebooks_record_tables_and_readme_are_in_step():
    assert published.problems(Project(ROOT)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_becomes_mathml(path):
    for tex, display in mathml.formulas(cells.read(path)):
        assert mathml.to_mathml(tex, display).startswith("<math")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_one_figure_decides_each_notebook_that_judges(path):
    notebook = cells.read(path)
    decisive = [figure for figure in cells.figures(notebook) if figure.decisive]
    assert len(decisive) == 1 or not cells.verdicts(notebook)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_claim_ends_in_an_explorer_of_its_situation(path):
    *_, before, last = cells.read(path).cells
    if of_notebook(path.stem):
        assert before.source.startswith("## Try to break it\n\n")
        assert cells.EXPLORE in cells.tags(last)
        assert "kdelab.explore(" in last.source


def test_tidying_twice_changes_nothing():
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("1", id="random-1"),
            nbformat.v4.new_code_cell("1", id="random-2"),
            nbformat.v4.new_code_cell("sliders()", metadata={"tags": ["explore"], "execution": {"started": "now"}}),
        ]
    )
    once = cells.tidy(notebook)
    assert cells.tidy(once) == once
    assert len({cell.id for cell in once.cells}) == 3
    assert once.cells[2].metadata == {"tags": ["explore", "nbval-skip"]}


@pytest.mark.parametrize(
    ("tex", "part"),
    [
        (r"S \log p", '<mi>log</mi><mspace width="0.17em" /><mi>p</mi>'),
        (r"\operatorname{Cov}_S", "<msub><mi>Cov</mi><mi>S</mi></msub>"),
        (r"\mathbf{1}", "𝟏"),
        (r"\begin{aligned} a &= b \end{aligned}", "<mtable"),
        (r"a < b", "&lt;"),
        (r"a \& b", "&amp;"),
    ],
)
def test_mathml(tex, part):
    assert part in mathml.to_mathml(tex)


@pytest.mark.parametrize("tex", [r"\nonsense{x}", "a & b", r"\left( x"])
def test_formulas_that_are_not_understood_are_named_and_shown_as_source(tex):
    with pytest.raises(ValueError, match="not understood"):
        mathml.to_mathml(tex)
    assert 'class="tex"' in mathml.render(tex)
