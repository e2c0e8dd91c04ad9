"""The way through the questions: the first answer that ends it decides, and is drawn alone."""

import pytest

from lib.notebook.licence_path import licence_path, questions


@pytest.mark.parametrize(
    ("page", "outcome"),
    [
        ({}, "Ask."),
        ({"licence": "CC BY"}, "Take it, and keep"),
        ({"licence": "CC BY", "terms_forbid": True}, "make an agreement"),
        ({"licence": "CC BY", "lawful": False}, "does not mend"),
        ({"protected": False}, "Write down why"),
        ({"protected": False, "personal": True}, "Mask them first"),
        ({"licence": "CC BY-NC"}, "Ask."),
    ],
)
def test_the_first_ending_answer_decides(page, outcome):
    assert outcome in str(licence_path(**page))


def test_only_one_outcome_is_drawn():
    html = licence_path(licence="MIT").html
    asked = questions(True, False, True, "MIT", False)
    assert sum(question.outcome in html for question in asked) == 1


def test_unknown_licences_are_named():
    with pytest.raises(ValueError, match="not 'GNU'"):
        licence_path(licence="GNU")
