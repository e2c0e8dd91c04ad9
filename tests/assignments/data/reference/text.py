"""Pages, texts and languages for the tests of assignment 4."""

from lib.curation.extract import resiliparse_text, to_text
from lib.curation.langid import identify_language as identify


def extract_text(body):
    return resiliparse_text(to_text(body).text.replace("\0", "")).strip()


def identify_language(text):
    return identify(text)
