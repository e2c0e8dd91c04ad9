"""Languages of texts that are known."""

from adapters import text
from lib.corpora.samples import SAMPLES
from lib.grading.answers import judge, words
from lib.grading.feedback import holds, same
from lib.grading.problems import problem
from lib.grading.raw_crawl import truth

CODES = {"English": "en", "German": "de", "Chinese": "zh", "Japanese": "ja", "Hindi": "hi"}


@problem("language_identification")
def test_codes_of_two_letters():
    for name, code in CODES.items():
        found = text.identify_language(SAMPLES[name])[0]
        same(found, code, given=f"a text in {name}, with line breaks")


@problem("language_identification")
def test_the_score_is_a_probability():
    for name in CODES:
        score = text.identify_language(SAMPLES[name])[1]
        holds(isinstance(score, float), "The score is a float.", given=name, yours=score)
        rule = "The score of a long text lies between 0.5 and 1."
        holds(0.5 < score <= 1, rule, given=name, yours=score)
    short = text.identify_language("ok")[1]
    holds(0 <= short <= 1, "A score lies between 0 and 1.", given="'ok'", yours=short)


@problem("language_identification")
def test_without_a_letter_there_is_no_language():
    for sentence in ("", "  \n ", "3 + 4 = 7", "!!! 2026-11-30 ..."):
        same(text.identify_language(sentence), ("un", 0.0), given=repr(sentence))


@problem("language_identification")
def test_languages_of_a_crawl():
    pages = [one for one in truth(1).values() if len(one.main_text.split()) >= 20]
    right = sum(text.identify_language(one.main_text)[0] == one.language for one in pages)
    rule = "At least 97% of the texts of a crawl get their language."
    holds(right / len(pages) > 0.97, rule, yours=f"{right / len(pages):.1%}")


@problem("language_identification")
def test_share_of_english():
    pages = [one for one in truth(0).values() if len(one.main_text.split()) >= 20]
    right = sum(one.language == "en" for one in pages) / len(pages)
    mistakes = {"It is a share, between 0 and 1.": 100 * right, "Of the others.": 1 - right}
    judge("language_identification.english_share", right, 0.03, mistakes)


@problem("language_identification")
def test_a_threshold_is_chosen():
    words("language_identification.threshold", at_least=20)
