"""The parallel texts say the same, each in its own script."""

import ast
import unicodedata

import pytest

from lib.corpora.samples import CODE_SAMPLE, EMOJI_SAMPLE, SAMPLES

SCRIPTS = {
    "Russian": "CYRILLIC", "Greek": "GREEK", "Hebrew": "HEBREW", "Arabic": "ARABIC",
    "Hindi": "DEVANAGARI", "Thai": "THAI", "Chinese": "CJK",
    "Japanese": "HIRAGANA", "Korean": "HANGUL",
}  # fmt: skip
DENSE = {"Chinese", "Japanese", "Korean", "Hebrew", "Thai"}  # the same story in fewer characters


@pytest.mark.parametrize("language", SAMPLES)
def test_the_same_story_in_its_own_script(language):
    text = SAMPLES[language]
    assert text.count("\n") == SAMPLES["English"].count("\n") == 3
    assert (200 if language in DENSE else 600) < len(text) < 1200
    assert unicodedata.normalize("NFC", text) == text or language == "Hindi"  # nukta letters
    letters = [unicodedata.name(c) for c in text if c.isalpha()]
    script = SCRIPTS.get(language, "LATIN")
    share = sum(name.startswith(script) for name in letters) / len(letters)
    assert share > (0.5 if language == "Japanese" else 0.99)  # Japanese mixes three scripts


def test_three_paragraphs_with_the_same_four_remarks():
    opening = {"Chinese": "“", "Hebrew": '"', "Japanese": "「", "German": "„", "Finnish": "”"}
    for language, text in SAMPLES.items():
        mark = opening.get(language)
        if mark is None:
            n_remarks = max(text.count(quote) for quote in "“«")
        else:
            n_remarks = text.count(mark) // (2 if mark in '"”' else 1)
        assert 4 <= n_remarks <= 5, language  # one remark may be cut in two by "she answered"


def test_the_code_runs(capsys):
    exec(compile(ast.parse(CODE_SAMPLE), "sample", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == "4 things for 20.40\n"


def test_emoji_are_more_code_points_than_pictures():
    assert EMOJI_SAMPLE.count("\u200d") == 5  # joiners
    assert len(EMOJI_SAMPLE.encode()) > 2 * len(EMOJI_SAMPLE)
