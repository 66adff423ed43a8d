"""Every heading has an id of its own and a link to itself, and the search finds what stands under it."""

from html.parser import HTMLParser

import pytest

from kdelab.report.build.headings import Section, anchored, sections, slug


class Ids(HTMLParser):
    """All ids, and the headings' own."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.headings = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.headings += [given.get("id")] if tag in {"h1", "h2", "h3", "h4", "h5", "h6"} else []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("How fast", "how-fast"),
        ("07 · hard cases", "07--hard-cases"),
        ("13 · A gun that learns: `learned-gun`", "13--a-gun-that-learns-learned-gun"),
        ("Ünit & “range”", "ünit--range"),
        ("?!", "section"),
    ],
)
def test_a_heading_s_id_is_that_of_the_code_host(words, name):
    assert slug(words) == name


def test_ids_are_unique_beside_those_that_the_page_has():
    page = anchored('<p id="twice">x</p><h2>Twice</h2><h3>Twice</h3><h2 id="own" class="c">Other <em>word</em></h2>')
    found = Ids(page)
    assert found.headings == ["twice-1", "twice-2", "own"]
    assert len(found.ids) == len(set(found.ids))
    assert page.count('class="permalink"') == 3
    assert '</h2><a class="permalink" href="#own" aria-label="Link to: Other word">#</a></div>' in page
    assert anchored(page) == page


def test_what_a_heading_says_can_t_leave_its_id():
    assert Ids(anchored("<h2>&quot; onclick=&quot;x&lt;b&gt;</h2>")).headings == ["-onclickxb"]


PAGE = """<nav><h2>not this</h2></nav><main><h1>Title</h1><p>Lead&amp;more</p>
<h2>One <code>word</code> <math alttext="\\beta">b</math></h2>
<p>first</p><details><summary>Code</summary>hidden</details><math>x</math><dl><dt>term</dt><dd>told</dd></dl>
<dl><dt id="a.b">b(x)<a class="permalink" href="#a.b">#</a></dt><dd>does</dd></dl></main><footer><p>foot</p></footer>"""


def test_sections_are_what_stands_under_each_heading():
    assert sections(anchored(PAGE)) == [
        Section("title", "Title", "Lead&more"),
        Section("one-word-b", "One word \\beta", "first term told"),
        Section("a.b", "a.b", "b(x) does"),
    ]
