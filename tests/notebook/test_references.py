"""The table of references, how one is shown, and the rule for links to papers."""

import re

import pytest

from lib.notebook.facts import facts, tables
from lib.notebook.references import Reference, check_links, cite, references


def test_every_reference_has_what_was_checked():
    for reference in references():
        assert reference.checked >= 1 and reference.source, reference.key
        assert reference.title or reference.authors or reference.known_as, reference.key
        assert "memory" not in reference.source, reference.key


def test_arxiv_ids_links_and_years_agree():
    """The first four digits of an arXiv id are the year and month of its first version."""
    papers = [r for r in references() if r.id and r.id.startswith("arXiv:")]
    assert len({r.id for r in papers}) == len(papers) > 250
    for paper in papers:
        number = paper.id.removeprefix("arXiv:")
        assert re.fullmatch(r"\d{4}\.\d{5}|0\d{3}\.\d{4}|1[0-4]\d\d\.\d{4}", number), paper
        assert paper.url == f"https://arxiv.org/abs/{number}"
        assert 0 <= 2000 + int(number[:2]) - paper.year <= 1, paper  # uploaded in January


def test_facts_refer_to_references_that_exist():
    for table in tables():
        for row in facts(table):
            if row.get("reference"):
                assert cite(row["reference"])


def test_a_reference_in_text_markdown_and_html():
    paper = cite("vaswani2017attention")
    title, url = "Attention Is All You Need", "https://arxiv.org/abs/1706.03762"
    assert str(paper) == f"Vaswani et al. 2017, {title}"
    assert paper._repr_markdown_() == f"[Vaswani et al. 2017, *{title}*]({url})"
    assert paper._repr_html_() == f'<a href="{url}">Vaswani et al. 2017, <cite>{title}</cite></a>'


@pytest.mark.parametrize(
    ("known", "shown", "short"),
    [
        ({"title": "A & B: more"}, "<cite>A &amp; B: more</cite> (1999)", "A & B 1999"),
        ({"authors": "X & Y"}, "X &amp; Y 1999", "X & Y 1999"),
        ({"known_as": "Z"}, "Z 1999", "Z 1999"),
        ({"known_as": "Z", "authors": "X"}, "X 1999 (Z)", "X 1999"),
    ],
)
def test_what_is_unknown_is_left_out(known, shown, short):
    blank = dict.fromkeys(("title", "known_as", "authors", "id", "url"))
    work = Reference("k", year=1999, source="a shelf", checked=1, **(blank | known))
    assert (work._repr_html_(), work.short) == (shown, short)


def test_a_list_keeps_its_order():
    both = references("vaswani2017attention", "kingma2014adam")
    assert [r.key for r in both] == ["vaswani2017attention", "kingma2014adam"]
    assert both._repr_html_().count("<li>") == both._repr_markdown_().count("- [") == 2


def test_an_unknown_key_is_told_its_neighbours():
    with pytest.raises(LookupError, match="Near it: vaswani2017attention"):
        cite("vaswani2017atention")
    with pytest.raises(LookupError, match="No key is near"):
        cite("!!!")


@pytest.mark.parametrize(
    "words",
    [
        "Vaswani et al. 2017",
        "Vaswani et al., 2017",
        "(*attention* is all you need)",
        "VASWANI 2017",
    ],
)
def test_links_that_name_their_paper(words):
    assert check_links(f"[{words}](https://arxiv.org/abs/1706.03762)", "here") == []


def test_a_name_or_a_title_up_to_its_colon_is_enough():
    text = "[GPT-3](https://arxiv.org/abs/2005.14165), [BERT](https://arxiv.org/abs/1810.04805)"
    assert check_links(text, "here") == []


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("[Vaswani et al.](https://arxiv.org/abs/1706.03762)", "does not name it"),
        ("[MT5](https://arxiv.org/abs/1910.10683)", "does not name it: call it 'Raffel"),
        ("[BERT](https://arxiv.org/abs/1706.03762)", "call it 'Vaswani et al. 2017'"),
        ("https://arxiv.org/abs/1706.03762", "does not name it"),
        ("[BERT](https://arxiv.org/pdf/1810.04805v2)", "lead to https://arxiv.org/abs/1810.04805"),
        ("[A hoax](https://arxiv.org/abs/1706.00000)", "is not in lib/assets/references.csv"),
        ("[A search](https://arxiv.org/list/cs.CL/recent)", "is not in lib/assets/references.csv"),
    ],
)
def test_links_that_mislead(link, complaint):
    [problem] = check_links(f"See {link}.", "lecture 1")
    assert problem.startswith("lecture 1: ") and complaint in problem


def test_a_long_list_is_folded():
    everything = references()
    assert everything._repr_html_().startswith("<details><summary>")
    assert everything._repr_html_().count("<li>") == len(everything) > 20
    assert repr(everything) == f"{len(everything)} references"
    attention = references("vaswani2017attention")
    assert "<details>" not in attention._repr_html_()
    assert repr(attention) == str(attention[0])
