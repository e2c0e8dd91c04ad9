"""The page about a run: what it says, that nothing in it is alive, and that it can be heard."""

from html.parser import HTMLParser

import pytest
from sample_records import FailsOnPoison, flawed

from lib.curation.barriers import Exact
from lib.curation.counts import StepCounts
from lib.curation.funnel import funnel_svg, in_bytes, in_words
from lib.curation.pipeline import Pipeline, Run
from lib.curation.records import Record
from lib.curation.report import report_html, summary_table, write_report
from lib.curation.sources import Given
from lib.curation.steps import Rules

EVIL = '<script>alert(1)</script><img src="http://evil.example/x"> [[TITLE]] '


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    records = (*flawed(), Record(EVIL, EVIL * 3, "web"), Record("evil", EVIL + "POISON"))
    steps = [Given(records), FailsOnPoison(), Rules(("Gopher quality",)), Exact()]
    return Pipeline(steps).run(tmp_path_factory.mktemp("runs") / "out", progress=False)


class Tags(HTMLParser):
    """All tags with their attributes, and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_says_what_was_counted(run):
    page = report_html(run)
    text = " ".join(Tags(page).texts)
    n = len(flawed()) + 2
    assert f"{n} documents came in" in text and "2 are in quarantine" in text
    assert "words is 2, and should be at least 50" in text and "Too short." in text
    assert "as good-3" in text and "ZeroDivisionError: division by poison" in text
    assert 'rules        filters=["Gopher quality"]' in text
    for step in run.counts:
        assert f"{step.n_out:,} · {in_bytes(step.bytes_out)}" in text


def test_nothing_of_a_document_is_alive(run):
    page = report_html(run)
    tags = Tags(page).tags
    assert not {tag for tag, _ in tags} & {"script", "img", "link", "iframe", "object", "a"}
    assert EVIL.strip() in " ".join(Tags(page).texts)
    assert not [a for _, a in tags if a.keys() & {"src", "href", "onload", "onclick", "data"}]
    policy = [a["content"] for tag, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_the_funnel_by_hand():
    first = StepCounts("read", 100, 2000, 100, 2000)
    second = StepCounts("rules <1>", 100, 2000, 25, 1000)
    drawing = funnel_svg([first, second])
    widths = [float(a["width"]) for tag, a in Tags(drawing).tags if tag == "rect"]
    assert widths == [400, 400, 400, 400, 400, 100, 400, 200]
    says = "Of 100 documents are left: after read 100 documents, after rules <1> 25 documents."
    assert in_words([first, second]) == says
    (svg,) = [a for tag, a in Tags(drawing).tags if tag == "svg"]
    assert (svg["role"], svg["aria-label"]) == ("img", says)
    assert "25 · 1 kB" in Tags(drawing).texts and "rules <1>" in Tags(drawing).texts


def test_units():
    assert [in_bytes(n) for n in (0, 999, 1000, 1_234_567, 5 * 10**9)] == [
        *("0 B", "999 B", "1 kB", "1.23 MB", "5 GB")
    ]


def test_the_file_and_the_table(run):
    path = write_report(run)
    assert path == run.folder / "report.html" and path.read_text("utf-8") == report_html(run)
    lines = summary_table(Run(run.folder)).splitlines()
    assert lines[0].split()[:3] == ["step", "in", "out"] and lines[3].startswith("rules")


def test_an_empty_run_has_a_page_too(tmp_path):
    run = Pipeline([Given(())]).run(tmp_path / "out", progress=False)
    assert "0 documents came in" in report_html(run)
