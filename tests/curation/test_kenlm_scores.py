"""KenLM is asked as its documentation says (a stand-in answers), and is missed with a sentence."""

import sys
from types import SimpleNamespace

import pytest

from lib.curation import kenlm_scores
from lib.curation.kenlm_scores import kenlm_perplexity


@pytest.fixture
def file(tmp_path):
    kenlm_scores._model.cache_clear()
    (tmp_path / "words.arpa").touch()
    yield tmp_path / "words.arpa"
    kenlm_scores._model.cache_clear()


def test_words_go_to_the_model_of_the_file(file, monkeypatch):
    asked = []

    class Model:
        def __init__(self, path):
            asked.append(path)

        def perplexity(self, sentence):
            asked.append(sentence)
            return 12

    monkeypatch.setitem(sys.modules, "kenlm", SimpleNamespace(Model=Model))
    assert kenlm_perplexity("two\n words ", file) == 12.0
    assert kenlm_perplexity("more", file) == 12.0
    assert asked == [str(file), "two words", "more"], "the model is opened once"


def test_what_is_missing_is_said(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(RuntimeError, match=r"or use lib\.curation\.kneser_ney"):
        kenlm_perplexity("a", file)
    with pytest.raises(FileNotFoundError, match="lmplz makes one"):
        kenlm_perplexity("a", file.with_name("none.arpa"))
