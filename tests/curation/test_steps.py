"""Each step that looks at one record: what stays, what goes, and for what reason."""

from dataclasses import replace

import pytest
from sample_records import n_words, page, prose

from lib.curation.classify import Classify
from lib.curation.clean_of import Decontaminate
from lib.curation.formats import write_records
from lib.curation.linear_classifier import LinearClassifier
from lib.curation.records import Drop, Record
from lib.curation.steps import C4, Apply, Extract, Language, MaskPersonal, Rules, Score

GOOD = Record("good", prose(1), "web", {"n": 1})


def test_extract_takes_the_text_and_leaves_texts_alone():
    found = Extract("density")(page(1))
    assert (
        found.text.split() == prose(1).split() and found.body == b"" and found.meta == page(1).meta
    )
    assert Extract()(GOOD) is GOOD
    assert Extract()(replace(page(1), body=b"<p></p>")) == Drop("no main text")
    assert Extract()(Record("empty")) == Drop("nothing there")


def test_language():
    step = Language(("en",), at_least=0.1, method="resiliparse")
    english = "This is the house that we have seen with all of our friends near the water."
    good = replace(GOOD, text=english)
    assert step(good).meta == {"n": 1, "language": "en"} and good.meta == {"n": 1}
    german = "Der Fluss und das kleine Boot, das wir mit alten Freunden am Wasser gesehen haben."
    assert step(replace(GOOD, text=german)).reason == "in de"
    unsure = Language(("en",), at_least=0.99, method="resiliparse")(good)
    assert unsure.reason == "language unsure" and unsure.detail.startswith("en with probability 0.")


def test_rules_and_c4():
    assert Rules()(GOOD) is GOOD
    dropped = Rules()(replace(GOOD, text="Too short."))
    assert dropped == Drop("words", "words is 2, and should be at least 50 and at most 100,000")
    line = "and a line without an end"
    assert C4()(replace(GOOD, text=f"{prose(1)}\n{line}")).text == prose(1)
    assert C4()(replace(GOOD, text=line)).reason == "sentences"


def test_personal_data_is_masked_and_counted():
    found = MaskPersonal()(replace(GOOD, text="ada@example.org, ben@example.org"))
    assert found.text == "|||EMAIL_ADDRESS|||, |||EMAIL_ADDRESS|||"
    assert found.meta == {"n": 1, "masked": {"email": 2}}
    assert MaskPersonal()(GOOD) is GOOD


@pytest.mark.parametrize("function", [n_words, "sample_records:n_words"])
def test_scores(function):
    assert Score(function, "words", at_least=120, at_most=120)(GOOD).meta["words"] == 120
    assert Score(function, "words", at_least=121)(GOOD) == Drop("words too low", "words is 120")
    assert Score(function, "words", at_most=119)(GOOD).reason == "words too high"


def test_a_score_that_is_no_number_keeps_nothing():
    assert isinstance(Score(lambda text: float("nan"))(GOOD), Drop)


def test_any_function():
    assert Apply(lambda record: True)(GOOD) is GOOD
    assert Apply(lambda record: False, "long")(GOOD) == Drop("not long")
    assert Apply(lambda record: replace(record, text="x"))(GOOD).text == "x"
    with pytest.raises(TypeError, match="gave a NoneType"):
        Apply(lambda record: None)(GOOD)
    for wrong in ("sample_records", "sample_records:nothing", "sample_records:WORDS"):
        with pytest.raises(ValueError, match="names no function"):
            Apply(wrong)(GOOD)


def test_texts_of_a_benchmark_go(tmp_path):
    words = [f"w{i}" for i in range(40)]
    write_records(tmp_path / "questions.jsonl", [Record("q", " ".join(words[:20]))])
    step = Decontaminate((str(tmp_path / "questions.jsonl"),))
    shared = replace(GOOD, text="before, " + " ".join(words[5:19]).upper() + " behind")
    assert step(shared) == Drop("in a benchmark", "shares 2 runs of words with it")
    assert step(shared) == step(shared)  # it does not remember
    assert step(replace(GOOD, text="before " + " ".join(words[5:17]) + " behind")).id == "good"
    assert step(GOOD) is GOOD
    with pytest.raises(FileNotFoundError, match="No file is called"):
        Decontaminate((str(tmp_path / "*.nothing"),))


def test_a_classifier_decides(tmp_path):
    texts = [f"good river {i}" for i in range(30)] + [f"bad market {i}" for i in range(30)]
    model = LinearClassifier(bins=1 << 10, epochs=20).fit(texts, ["good"] * 30 + ["bad"] * 30)
    model.save(tmp_path / "m.safetensors")
    path = str(tmp_path / "m.safetensors")
    kept = Classify(path, "good")(replace(GOOD, text="a good river"))
    assert kept.meta["good"] > 0.5 and kept.meta["n"] == 1
    dropped = Classify(path, "good")(replace(GOOD, text="a bad market"))
    assert dropped.reason == "not good" and dropped.detail.startswith("probability 0.")
    with pytest.raises(ValueError, match="wanted is 'nice'"):
        Classify(path, "nice")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Extract("guess"),
        lambda: Language(method="guess"),
        lambda: Rules(("Goper",)),
        lambda: MaskPersonal(("names",)),
    ],
)
def test_unknown_choices_are_named_at_once(wrong):
    with pytest.raises(ValueError, match="Choose from"):
        wrong()
