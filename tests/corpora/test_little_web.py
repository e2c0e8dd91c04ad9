"""The little web is always the same, its truth is true, and nothing of this machine is in it."""

import getpass
import hashlib
import html
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from lib.corpora import pydoc_pages as pydoc_module
from lib.corpora.little_web import LittleWeb, WebTexts, messy
from lib.corpora.pydoc_pages import pydoc_pages
from lib.corpora.urls import canonical
from lib.corpora.web_languages import LANGUAGES, text
from lib.corpora.web_layouts import html_page
from lib.corpora.web_plants import luhn_sum
from lib.corpora.web_sites import ENCODINGS, text_between_tags
from lib.corpora.web_truth import KINDS, jaccard, shingles

DIGEST = """
import hashlib
from lib.corpora.little_web import LittleWeb
web = LittleWeb(seed=3, scale=0.5)
print(hashlib.sha256(repr(sorted(web.pages.items())).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def web():
    return LittleWeb()


def test_the_same_seed_gives_the_same_bytes_in_every_process():
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_other_pages_and_scale_gives_more_of_the_same(web):
    url = "http://news.example/2026/3"
    assert LittleWeb(seed=1, hosts=("news.example",)).truth[url] != web.truth[url]
    larger = LittleWeb(scale=2, hosts=("news.example", "mirror.example"))
    assert larger.truth[url] == web.truth[url]
    assert (
        len(larger.pages) > 2 * len(LittleWeb(hosts=("news.example", "mirror.example")).pages) - 9
    )
    for truth in larger.truth.values():
        assert truth.copy_of is None or truth.copy_of in larger.truth


def test_every_kind_of_page_is_there_and_every_language_and_encoding(web):
    kinds = Counter(truth.kind for truth in web.truth.values())
    assert set(kinds) == set(KINDS) - {"trap"}
    assert kinds["pydoc"] > 150
    assert {truth.language for truth in web.truth.values()} == set(LANGUAGES)
    assert {truth.encoding for truth in web.truth.values()} >= {name for _, name, _ in ENCODINGS}


def test_main_texts_are_on_their_pages_word_for_word(web):
    checked = 0
    for url, truth in web.truth.items():
        if truth.kind not in ("maths", "pydoc", "thread", "code") and truth.main_text:
            page = html.unescape(web.pages[url].body.decode(truth.encoding, "ignore"))
            for paragraph in truth.main_text.split("\n\n"):
                assert paragraph in page
                checked += 1
    assert checked > 500


def test_personal_data_stands_where_the_truth_says(web):
    kinds = Counter()
    for truth in web.truth.values():
        for item in truth.personal:
            assert truth.main_text[item.start :].startswith(item.text)
            kinds[item.kind] += 1
    assert set(kinds) == {"email", "phone", "ipv4", "ipv6", "card", "iban", "ssn"}
    assert min(kinds.values()) > 5


def test_jaccard_by_hand():
    """a b c d e f: two shingles of five words; with the last changed one is shared, of three."""
    assert shingles("A b, c d e f!") == {tuple("abcde"), tuple("bcdef")}
    assert jaccard("a b c d e f", "a b c d e x") == 1 / 3
    assert jaccard("a b", "A B") == 1
    assert jaccard("a b c d e", "f g h i j") == 0


def test_copies_have_the_similarity_that_the_truth_says(web):
    copies = [truth for truth in web.truth.values() if truth.copy_of]
    for truth in copies:
        assert truth.jaccard == jaccard(web.truth[truth.copy_of].main_text, truth.main_text)
    found = sorted(truth.jaccard for truth in copies)
    assert found[-1] == 1 and found[0] < 0.5 and any(0.8 < value < 0.95 for value in found)


def test_luhn_by_a_published_example():
    """79927398713 is the example that goes round: valid with this last digit and no other."""
    valid = [d for d in range(10) if luhn_sum(f"7992739871{d}") % 10 == 0]
    assert valid == [3]


def test_traps_go_on_and_faults_are_as_announced(web):
    url = "http://traps.example/calendar/2026/11"
    assert b"/calendar/2026/12" in web.respond(url).body
    assert b"/calendar/2027/1" in web.respond("http://traps.example/calendar/2026/12").body
    assert web.respond("http://traps.example/calendar/never").status == 404
    assert [web.respond("http://traps.example/flaky", n).status for n in (0, 1)] == [503, 200]
    assert web.respond("http://news.example/no").status == 404
    assert web.respond("http://broken.example/robots.txt").status == 503
    assert web.respond("http://maths.example/robots.txt").status == 404


def test_all_spellings_of_a_link_are_one_address():
    draw = Random(0)
    spellings = {messy("a.example", "/b/1", draw) for _ in range(100)}
    assert len(spellings) == 6
    assert {canonical(href, "http://a.example/c") for href in spellings} == {"http://a.example/b/1"}


def test_nothing_of_this_machine_is_in_the_documentation():
    """pydoc prints environments, paths and addresses of objects, where modules have any."""
    everything = "\n".join(title + content for title, content in pydoc_pages().values())
    secrets = [str(Path.home()), sys.prefix, sys.base_prefix, str(Path.cwd())]
    assert [secret for secret in secrets if len(secret) > 1 and secret in everything] == []
    assert not re.search(r"\bat( |&nbsp;)0x[0-9a-fA-F]", everything)
    assert f"/{getpass.getuser()}/" not in everything
    assert "environ({'" not in everything.replace("&#x27;", "'")


def test_documentation_is_rendered_once_and_kept(tmp_path, monkeypatch):
    modules = ["bisect", "no_such_module", "tempfile", "this", "subprocess", "ast"]
    private = os.environ | {"PYTHONHASHSEED": "5", "MY_PASSWORD": "hunter2"}
    monkeypatch.setattr(pydoc_module, "_environment", lambda: private)
    first = pydoc_pages(tmp_path, modules)
    assert "hunter2" not in str(first)  # although `subprocess` has the environment on its page
    assert [name for name in first if "/" not in name] == [
        "bisect",
        "tempfile",
        "this",
        "subprocess",
    ]
    assert {name: first[name] for name in ("bisect", "tempfile")}.items() <= pydoc_pages().items()
    monkeypatch.setattr(subprocess, "run", None)
    assert pydoc_pages(tmp_path, modules) == first
    assert len(list((tmp_path / "corpora").iterdir())) == 1


def test_the_text_between_tags():
    content = "<dt>f(a)</dt><dd>a&nbsp;&lt;b&gt;<br>\n&nbsp;<br>c</dd>"
    assert text_between_tags(content) == "f(a)\na <b>\nc"


def test_the_corpus_of_main_texts(web):
    stories = list(WebTexts(web, kinds=("story",)))
    assert len(stories) == 24
    assert all(web.truth[story.id].main_text == story.text for story in stories)
    assert WebTexts(web).size().documents == sum(bool(t.main_text) for t in web.truth.values())


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"\['de', 'en', 'es', 'fr', 'it', 'ru', 'tr', 'zh'\]"):
        text("la", Random(0))
    with pytest.raises(ValueError, match="anonymous"):
        html_page("a", "b", layout="baroque")


def test_pages_are_stable_across_versions_of_this_code(web):
    """Truth is quoted in lectures: whoever changes a page on purpose changes this number, too."""
    made = repr(sorted((u, t.main_text) for u, t in web.truth.items() if t.kind != "pydoc"))
    assert hashlib.sha256(made.encode()).hexdigest()[:12] == "0e597a36aafb"
