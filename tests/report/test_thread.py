"""The thread, annotated: every claim of it has its sentence, every sentence leads somewhere, and nothing goes stale."""

from itertools import groupby
from pathlib import Path

import pytest
from tiny_notebooks import display, notebook, save

import kdelab
from kdelab.report.build import annotated, cells, published, record, site
from kdelab.report.build.project import Project, encoded, write
from kdelab.report.build.refresh import refresh
from kdelab.report.claims import BY_ID, CLAIMS
from kdelab.report.thread import KINDS, MIME, SENTENCES, AnnotatedThread, Sentence, posts

ROOT = Path(__file__).parents[2]


def test_the_posts_stand_in_order_under_their_authors_and_dates():
    heads = [head for head, _ in groupby(SENTENCES, lambda sentence: (sentence.who, sentence.date))]
    assert heads == [("Xor", "2022-02-05"), ("Kev", "2022-02-10"), ("Xor", "2022-02-11"), ("Xor", "2022-03-13")]


def test_every_claim_of_the_thread_has_a_sentence_and_ours_have_none():
    linked = {claim for sentence in SENTENCES for claim in sentence.claims}
    assert linked == {claim.id for claim in CLAIMS if claim.date}


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.text[:30])
def test_a_sentence_says_what_its_claims_registry_says_of_them_and_leads_to_a_notebook(sentence):
    for claim in sentence.claims:
        assert (BY_ID[claim].who, BY_ID[claim].date) == (sentence.who, sentence.date)
        assert BY_ID[claim].withdrawn == (sentence.date == "2022-03-13")
    assert sentence.notebooks
    assert all((ROOT / "notebooks" / f"{stem}.ipynb").exists() for stem in sentence.notebooks)


def test_each_kind_is_there():
    assert {sentence.kind for sentence in SENTENCES} == KINDS.keys()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kind": "joke"}, "kind: 'joke' given"),
        ({}, "claims: .. given for a claim"),
        ({"kind": "remark", "claims": ("binning",)}, "given for a remark"),
        ({"kind": "remark"}, "notebook: '' given"),
        ({"claims": ("binning",), "notebook": "01-the-loss"}, "notebook: '01-the-loss' given"),
    ],
)
def test_a_sentence_that_leads_nowhere_or_nowhere_clear_is_refused(given, named):
    with pytest.raises(ValueError, match=named):
        Sentence("Xor", "2022-02-05", "So be it.", **given)


def test_a_claim_without_verdict_is_open_and_all_else_has_its_kind():
    told = [sentence for post in posts({"binning": "holds"}) for sentence in post["sentences"]]
    statuses = {claim["id"]: claim["status"] for sentence in told for claim in sentence["claims"]}
    assert statuses.pop("binning") == "holds"
    assert set(statuses.values()) == {"open"}
    assert len(told) == len(SENTENCES)


def test_text_and_html_hold_each_sentence_with_its_mark():
    shown = AnnotatedThread({"binning": "holds"})._repr_mimebundle_()
    assert shown["text/plain"].count("\n  [") == shown["text/html"].count("<p style=") == len(SENTENCES)
    assert "[✔ holds] The integral" in shown["text/plain"]
    assert "[question]" in shown["text/plain"]
    assert 'href="01-the-loss.ipynb"' in shown["text/html"]
    assert len(shown[MIME]["posts"]) == 4


STATUS = {
    "binning": {"notebook": "01-the-loss", **kdelab.Verdict("binning", [kdelab.Check("c", 1, at_most=2)]).as_json()}
}


def showing(statuses):
    """A notebook that shows the thread with these."""
    made = notebook(("# 00",), ("seed = 1", "parameters"), ("thread",))
    for number, cell in enumerate(made.cells[1:], 1):
        cell.execution_count = number
    made.cells[2].outputs = [display(AnnotatedThread(statuses)._repr_mimebundle_())]
    return made


def test_the_published_thread_reads_the_record_and_is_open_without_one(tmp_path):
    assert annotated.published_thread(tmp_path).as_text() == AnnotatedThread({}).as_text()
    write(tmp_path / record.NAME, encoded(record.text_of(STATUS)))
    assert annotated.published_thread(tmp_path).as_text() == AnnotatedThread({"binning": "holds"}).as_text()
    write(tmp_path / record.NAME, b"typed in")
    with pytest.raises(ValueError, match="damaged"):
        annotated.published_thread(tmp_path)


def test_a_thread_with_other_verdicts_than_the_record_s_is_named_and_run_again(tmp_path, runs):
    project = Project(tmp_path)
    save(project.notebooks / "00-start.ipynb", showing({}))
    loss = notebook(("# 01",), ("seed = 1", "parameters"), ("verdict",))
    for number, cell in enumerate(loss.cells[1:], 1):
        cell.execution_count = number
    loss.cells[2].outputs = [display(kdelab.Verdict("binning", [kdelab.Check("c", 1, at_most=2)])._repr_mimebundle_())]
    save(project.notebooks / "01-the-loss.ipynb", loss)
    assert refresh(project, ["01"]) == []
    assert runs.names == ["01-the-loss", "00-start"]
    assert any("00-start.ipynb: shows the thread with other verdicts" in line for line in published.problems(project))
    save(project.notebooks / "00-start.ipynb", showing({"binning": "holds"}))
    assert published.problems(project) == []
    runs.names.clear()
    assert refresh(project, ["01"]) == []
    assert runs.names == ["01-the-loss"]
    assert refresh(project) == []
    assert runs.names == ["01-the-loss", "01-the-loss", "00-start"], "what judges nothing runs last"


def test_the_site_has_a_page_of_the_thread_with_the_runs_own_verdicts(tmp_path, runs):
    project = Project(tmp_path)
    save(project.notebooks / "00-start.ipynb", showing({}))
    verdict = kdelab.Verdict("binning", [kdelab.Check("c", 1, at_most=2)])
    made = notebook(("# 01",), ("seed = 1", "parameters"), ("verdict",))
    made.cells[2].outputs = [display(verdict._repr_mimebundle_())]
    save(project.notebooks / "01-the-loss.ipynb", made)
    assert site.build(project) == []
    page = (project.reports / "thread.html").read_text(encoding="utf-8")
    assert page.count("<li class=") == len(SENTENCES)
    assert page.count('<li class="holds">') == 1
    assert '<a href="01-the-loss.html">01 the loss</a>' in page
    assert "02 the gradient" in page
    assert "02-the-gradient.html" not in page, "no link to a page that isn't there"
    assert 'href="thread.html"' in (project.reports / "index.html").read_text(encoding="utf-8")
    start = (project.reports / "00-start.html").read_text(encoding="utf-8")
    assert start.count("<li class=") == len(SENTENCES)
    before = (project.reports / "thread.html").stat().st_mtime_ns
    assert site.build(project) == []
    assert (project.reports / "thread.html").stat().st_mtime_ns == before


def test_the_committed_notebook_00_shows_the_thread():
    start = cells.read(ROOT / "notebooks" / "00-start-here.ipynb")
    assert any(MIME in output.get("data", {}) for _, output in cells.outputs(start))
    assert not any(sentence.text in cell.source for cell in start.cells for sentence in SENTENCES)


def test_the_glossary_has_the_words_that_pages_use():
    start = cells.read(ROOT / "notebooks" / "00-start-here.ipynb")
    (prose,) = [cell.source for cell in start.cells if "## A glossary" in cell.source]
    rows = [line for line in prose.split("## A glossary")[1].split("##")[0].splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0][2:] for row in rows[1:]] == [
        "guess factor", "kernel, bandwidth", "logit", "softmax", "responsibility", "nat", "quadrature", "log-concave",
        "real shot, late shot", "hard case", "one scale, linear, powers", "chasing, giving up", "held-out", "placebo",
        "bootstrap", "interval over battles", "coverage",
    ]  # fmt: skip
