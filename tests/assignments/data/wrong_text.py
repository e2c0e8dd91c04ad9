"""Wrong answers to part 1: each with the test that must see it."""

from reference import text as right
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding
from wrong_answers import wrong

from lib.curation.extract import resiliparse_text, visible_text
from lib.grading.answers import read_answers


def planted(name, file):
    """The decorator of wrong answers in one place, once it knows the test that must see them."""
    return lambda test: wrong(f"text.{name}", caught_by=f"{file}::{test}")


wrong_extract = planted("extract_text", "test_extract.py")
wrong_language = planted("identify_language", "test_language.py")


def wrong_look(test):
    return wrong("answers.read_answers", caught_by=f"test_look.py::{test}")


wrong_share = wrong("answers.read_answers", caught_by="test_language.py::test_share_of_english")


@wrong_extract("test_other_encodings_are_detected")
def everything_is_utf8(body):
    return resiliparse_text(body.decode("utf-8", errors="replace")).strip()


@wrong_extract("test_other_encodings_are_detected")
def what_is_not_utf8_is_western(body):
    try:
        return resiliparse_text(body.decode()).strip()
    except UnicodeDecodeError:
        return resiliparse_text(body.decode("cp1252", errors="replace")).strip()


@wrong_extract("test_utf8_is_tried_first")
def western_first(body):
    return resiliparse_text(body.decode("latin-1")).strip()


@wrong_extract("test_only_the_main_text_is_left")
def menus_too(body):
    return visible_text(body.decode(detect_encoding(body) or "utf-8", errors="replace"))


@wrong_extract("test_the_texts_of_a_crawl")
def first_paragraphs_only(body):
    return right.extract_text(body)[:600]


@wrong_extract("test_nothing_but_text_around_it_is_stripped")
def not_stripped(body):
    return extract_plain_text(right.to_text(body).text, main_content=True) + "\n"


@wrong_language("test_codes_of_two_letters")
def three_letters(text):
    code, score = right.identify_language(text)
    return {"en": "eng", "zh": "zho", "de": "deu"}.get(code, code), score


@wrong_language("test_the_score_is_a_probability")
def logarithm(text):
    code, score = right.identify_language(text)
    return code, -54.2 * score


@wrong_language("test_the_score_is_a_probability")
def in_percent(text):
    code, score = right.identify_language(text)
    return code, 100 * score


@wrong_language("test_without_a_letter_there_is_no_language")
def always_a_language(text):
    code, score = right.identify_language(text)
    return ("en" if code == "un" else code), score


@wrong_language("test_languages_of_a_crawl")
def by_the_first_word(text):
    return right.identify_language(text) if "\n" not in text[:60] else ("en", 1.0)


def answered(table, **changes):
    answers = read_answers()
    return answers | {table: answers[table] | changes}


@wrong_look("test_number_of_bodies_in_other_encodings")
def those_in_utf8():
    return answered("look_at_crawl", not_utf8=327 - 16)


@wrong_look("test_records_until_a_good_one")
def counted_from_zero():
    return answered("look_at_crawl", until_good=1)


@wrong_look("test_number_of_records")
def one_too_few():
    return answered("look_at_crawl", records=326)


@wrong_share
def share_in_percent():
    return answered("language_identification", english_share=79.5)
