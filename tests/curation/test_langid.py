"""Language identification: the field's identifiers, and ours from scratch, on texts we know."""

import sys
import types

import numpy as np
import py3langid
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.corpora.little_web import LittleWeb
from lib.corpora.samples import SAMPLES
from lib.curation import langid
from lib.curation.langid import LID_176, METHODS, identify_language
from lib.curation.ngram_language import SMOOTHING, NgramLanguage, ngrams

CODES = dict(zip(SAMPLES, "en de fr es fi tr ru el he ar hi th zh ja ko".split()))  # noqa: SIM905


@pytest.fixture(scope="module")
def ours():
    return NgramLanguage({CODES[name]: [text] for name, text in SAMPLES.items()})


@pytest.fixture(scope="module")
def paragraphs():
    """(language, paragraph) in eight languages."""
    web = LittleWeb(hosts=("news.example", "world.example"))
    return [
        (truth.language, paragraph)
        for truth in web.truth.values()
        for paragraph in truth.main_text.split("\n\n")[1:]
    ][::3]


@pytest.mark.parametrize("method", ["py3langid", "resiliparse"])
def test_the_samples_are_recognised(method):
    """Resiliparse takes Hindi for Nepali, which has the same letters and many of the words."""
    for name, text in SAMPLES.items():
        language, sure = identify_language(text, method)
        assert language == {("Hindi", "resiliparse"): "ne"}.get((name, method), CODES[name])
        assert 0.4 < sure <= 1.0001


def test_py3langid_is_what_the_package_says():
    for text in SAMPLES.values():
        assert identify_language(text)[0] == py3langid.classify(text)[0]


@pytest.mark.parametrize(("method", "least"), [("py3langid", 0.99), ("resiliparse", 0.95)])
def test_the_fields_identifiers_on_the_little_web(method, least, paragraphs):
    right = [METHODS[method](text)[0] == language for language, text in paragraphs]
    assert len(right) > 120 and sum(right) / len(right) >= least


def test_ours_learns_a_language_from_one_page(ours, paragraphs):
    """There is no Italian sample, so Italian is taken for its neighbours."""
    known = [(language, text) for language, text in paragraphs if language != "it"]
    right = [ours.identify(text)[0] == language for language, text in known]
    assert sum(right) / len(right) > 0.98
    assert {ours.identify(text)[0] for language, text in paragraphs if language == "it"} <= {
        "es",
        "fr",
    }


def test_scores_by_hand():
    """Two languages of one letter each: three n-grams of one byte, counted by us."""
    model = NgramLanguage({"a": ["aaaa"], "b": ["bbbb"]}, slots=1 << 10)
    slots = ngrams("aaaa", 1 << 10)
    assert len(slots) == 6 + 5 + 4 + 3 and len(set(slots)) <= 3 + 3 + 3 + 3
    counts = np.bincount(slots, minlength=1 << 10)
    probability = (counts + SMOOTHING) / (counts.sum() + SMOOTHING * (1 << 10))
    expected = np.log(probability[slots]).mean()
    assert model.scores("aaaa")[0] == pytest.approx(expected, rel=1e-5)
    assert model.identify("aaa")[0] == "a" and model.identify("bb")[0] == "b"
    assert model.identify("")[1] == 0.5 and list(model.scores("  ")) == [0, 0]


def test_a_longer_text_is_surer_and_a_word_is_not(ours):
    assert ours.identify("und")[1] < ours.identify(SAMPLES["German"])[1]
    assert ours.identify("Hello!")[1] < 0.9


def test_what_is_no_language_is_not_guessed():
    for text in ("", "1234 + 5", "…!?"):
        assert identify_language(text) == ("un", 0.0)
    assert METHODS["resiliparse"]("Hello!") == ("un", 0.0)


def test_fasttext_is_used_where_it_is(monkeypatch, tmp_path):
    """The package with the reader's model; here a stand-in that answers as fastText does."""

    class Model:
        f = types.SimpleNamespace(predict=lambda *_: [(1.00003, "__label__de")])

    loaded = []
    fake = types.SimpleNamespace(load_model=lambda path: loaded.append(path) or Model())
    monkeypatch.setitem(sys.modules, "fasttext", fake)
    monkeypatch.setenv("LECTURES_CACHE", str(tmp_path))
    langid._fasttext.cache_clear()
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / LID_176.name).write_bytes(b"model")
    assert identify_language("Guten\nTag", "fasttext") == ("de", 1.0)
    assert loaded == [str(tmp_path / "downloads" / LID_176.name)]
    langid._fasttext.cache_clear()


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "fasttext", None)
    langid._fasttext.cache_clear()
    with pytest.raises(
        RuntimeError, match=r"pip install fasttext-numpy2-wheel.*\['py3langid', 'res"
    ):
        identify_language("Hello", "fasttext")
    with pytest.raises(ValueError, match="The methods are"):
        identify_language("Hello", "magic")


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=50))
def test_no_text_is_too_strange(text):
    model = NgramLanguage({"a": ["aaaa"], "b": ["bbbb"]}, slots=1 << 8)
    assert 0 < model.identify(text)[1] <= 1
    for method in ("py3langid", "resiliparse"):
        language, sure = identify_language(text, method)
        assert language and 0 <= sure <= 1.0001
