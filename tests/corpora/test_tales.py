"""Tales: coherent, unambiguous, and with exactly the entropy that the closed form says."""

import math
import re
import subprocess
import sys
from itertools import combinations

import pytest

from lib.corpora.documents import Corpus
from lib.corpora.grammar_ambiguity import ambiguities
from lib.corpora.grammar_likelihood import derivations
from lib.corpora.tale_words import OPEN, OWNERS
from lib.corpora.tales import Tales, tale_grammar

SETTINGS = [(40, 3), (5, 2)]


@pytest.mark.parametrize(("vocabulary", "depth"), SETTINGS)
def test_unambiguous(vocabulary, depth):
    assert list(ambiguities(tale_grammar(vocabulary, depth))) == []


@pytest.mark.parametrize(("vocabulary", "depth"), SETTINGS)
def test_entropy_against_monte_carlo(vocabulary, depth):
    """The mean of -log2 p and of the lengths, within four standard errors of the closed form."""
    tales = Tales(seed=1, n_documents=80, vocabulary=vocabulary, depth=depth)
    documents = list(tales)
    rate = tales.entropy_rate()
    samples = {
        rate.bits_per_document: [-tales.log_prob(d) / math.log(2) for d in documents],
        rate.words_per_document: [len(d.text.split()) for d in documents],
        rate.bytes_per_document: [len(d.text.encode()) for d in documents],
    }
    for exact, values in samples.items():
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        assert abs(mean - exact) < 4 * math.sqrt(variance / len(values))
        assert variance > 0


def test_every_tale_has_one_derivation():
    tales = Tales(seed=2, n_documents=20)
    assert all(len(list(derivations(tales.grammar, d.text))) == 1 for d in tales)


def test_what_is_no_tale_is_impossible():
    tales = Tales(n_documents=12)
    for document in tales:
        assert tales.log_prob(document) > -200
        assert tales.log_prob(document.text + ".") == -math.inf
        # an incoherent story: somebody else has the hero's name from the second paragraph on
        hero = next(child["name"] for child in OPEN["children"] if child["name"] in document.text)
        stranger = "Ruth" if hero != "Ruth" else "Ella"
        beginning, *rest = document.text.split("\n\n")
        changed = "\n\n".join([beginning, *rest]).replace(hero, stranger)
        partly = "\n\n".join([beginning, *(part.replace(hero, stranger) for part in rest)])
        if partly not in (changed, document.text):
            assert tales.log_prob(partly) == -math.inf


def test_debts_are_paid_in_reverse_order():
    wishes = 0
    for document in Tales(seed=3, n_documents=100, depth=3):
        wanted = re.findall(r"The only ([\w ]+) far and wide belonged to the (\w+)", document.text)
        given = re.findall(r"Then the (\w+) let (?:her|him) have the ([\w ]+)\.", document.text)
        assert [(thing, who) for who, thing in reversed(given)] == wanted
        wishes = max(wishes, len(wanted))
    assert wishes == 2


def test_pronouns_agree():
    she = {child["name"]: child["they"] == "she" for child in OPEN["children"]}
    for document in Tales(seed=4, n_documents=60):
        hero = next(name for name in she if re.search(rf"\b{name}\b", document.text))
        wrong = r"\b(he|his|him)\b" if she[hero] else r"\b(she|her)\b"
        assert not re.search(wrong, document.text, flags=re.IGNORECASE)


def test_plain_text():
    for document in Tales(seed=5, n_documents=60):
        text = document.text
        assert text.isascii()
        assert not re.search(r"[{}<>#+]|  | \n|\ba [aeio]\w|\ban [^aeiou]", text), text
        assert text.count('"') % 2 == 0
        assert text[-1] in '."'
        assert all(part[0].isupper() or part[0] == '"' for part in text.split("\n\n"))


def test_lists_share_no_animal():
    animals = [{owner["name"] for owners in OWNERS.values() for owner in owners}]
    for name in ("diggers", "climbers", "talkers", "swimmers", "guides", "thieves", "neighbours"):
        animals.append({animal["name"] for animal in OPEN[name]})
    assert not [a & b for a, b in combinations(animals, 2) if a & b]


SHOW = "from lib.corpora.tales import Tales; print(Tales(7).document(12345))"


def test_the_same_in_every_process():
    command = [sys.executable, "-c", SHOW]
    other = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert other.strip() == repr(Tales(7).document(12345))
    assert Tales(8).document(12345).text != Tales(7).document(12345).text


def test_a_corpus_like_any_other():
    tales = Tales(n_documents=25)
    assert isinstance(tales, Corpus)
    assert len(tales) == tales.size().documents == len(list(tales)) == 25
    assert list(tales)[7] == tales.document(7)
    assert {d.id for d in tales.split("train")} | {d.id for d in tales.split("valid")} == {
        d.id for d in tales
    }
    near = tales.optimal_bits_per_byte(tales)
    assert near == pytest.approx(tales.entropy_rate().bits_per_byte, rel=0.25)


def test_more_words_and_more_wishes_mean_more_bits():
    bits = [
        Tales(vocabulary=v, depth=d).entropy_rate().bits_per_document
        for v, d in [(4, 2), (16, 2), (16, 4)]
    ]
    assert bits == sorted(bits)
    assert bits[0] < bits[1] - 5


def test_too_few_words_are_explained():
    with pytest.raises(ValueError, match="1 <= depth <= vocabulary"):
        Tales(vocabulary=3, depth=4)
