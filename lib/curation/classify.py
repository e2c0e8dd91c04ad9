"""A step that asks a classifier: texts of which it is sure enough that they are what is wanted."""

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from lib.curation.records import Drop, Record
from lib.curation.steps import Each, check_choice

if TYPE_CHECKING:  # torch takes a second to import, and most pipelines need none
    from lib.curation.linear_classifier import LinearClassifier


@dataclass(frozen=True)
class Classify(Each):
    """`model` is a file that LinearClassifier.save has written; the probability is kept."""

    model: str
    wanted: str
    at_least: float | int = 0.5
    kind: ClassVar[str] = "classifier"

    def __post_init__(self) -> None:
        check_choice("wanted", self.wanted, _loaded(self.model).labels)

    def __call__(self, record: Record) -> Record | Drop:
        model = _loaded(self.model)
        sure = float(model.predict_proba([record.text])[0, model.labels.index(self.wanted)])
        if sure < self.at_least:
            return Drop(f"not {self.wanted}", f"probability {sure:.2f}")
        return replace(record, meta=record.meta | {self.wanted: round(sure, 4)})


@cache
def _loaded(path: str) -> "LinearClassifier":
    from lib.curation.linear_classifier import LinearClassifier

    return LinearClassifier.load(path)
