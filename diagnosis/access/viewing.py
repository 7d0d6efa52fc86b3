"""Who saw which result: the results that a request read to show them become one row of the audit trail.

`selectors` hands its queries to `noting`, so every prediction and slice that a page, a file or an answer of the API got
with its result is noted, whatever shows it; a new page needs nothing. When the answer is ready, `audit_access` writes
one row that names all of them. A row for each result would cost a worklist page of 50 rows seven times the space
(docs/adr/0016-one-row-a-request.md).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable

from diagnosis.models import Prediction, SliceResult
from diagnosis.models.prediction import REUSABLE

M = TypeVar("M", bound=Model)


@dataclass
class Disclosures:
    """What one request disclosed.

    predictions: ids of those whose results were read. told: ids of those that an answer of the API holds. counted: ids
    of cases whose numbers of results it gave. scans: ids of those whose images it sent. recorded: ids of predictions
    that have a row of their own.
    """

    predictions: set[int] = field(default_factory=set)
    told: set[int] = field(default_factory=set)
    counted: set[int] = field(default_factory=set)
    scans: set[int] = field(default_factory=set)
    recorded: set[int] = field(default_factory=set)


_disclosure: ContextVar[Disclosures | None] = ContextVar("disclosure", default=None)


@contextmanager
def collecting() -> Iterator[Disclosures]:
    """Note what is read until the end of the block."""
    disclosed = Disclosures()
    token = _disclosure.set(disclosed)
    try:
        yield disclosed
    finally:
        _disclosure.reset(token)


def noting(rows: QuerySet[M]) -> QuerySet[M]:
    """The same rows; each is noted as it is read."""
    noted = rows.all()
    noted._iterable_class = Noting
    return noted


def note_answer(prediction: Prediction) -> None:
    """Note that the answer shows this prediction: a request that changes it may have read it without showing it."""
    if (disclosed := _disclosure.get()) and (prediction_id := _disclosed_prediction(prediction)) is not None:
        disclosed.told.add(prediction_id)


def note_counts(cases: Iterable[int]) -> None:
    """Note that the answer gives the number of results of these cases by outcome."""
    if disclosed := _disclosure.get():
        disclosed.counted.update(cases)


def note_image(scan_id: int) -> None:
    """Note that the answer sends a scan's image, large enough to read."""
    if disclosed := _disclosure.get():
        disclosed.scans.add(scan_id)


def recorded(prediction_id: int) -> None:
    """Note that this result has an audit row of its own."""
    if disclosed := _disclosure.get():
        disclosed.recorded.add(prediction_id)


class Noting(ModelIterable):  # type: ignore[type-arg]
    """Yields predictions or results of slices, and notes those that tell a result."""

    def __iter__(self) -> Iterator[Any]:
        disclosed = _disclosure.get()
        for row in super().__iter__():
            if disclosed is not None and (prediction_id := _disclosed_prediction(row)) is not None:
                disclosed.predictions.add(prediction_id)
            yield row


def _disclosed_prediction(row: Prediction | SliceResult) -> int | None:
    """The id of the prediction whose result a row reveals. Columns that were not read reveal nothing."""
    loaded = row.__dict__
    if isinstance(row, SliceResult):
        return row.prediction_id
    return row.pk if "outcome" in loaded and loaded.get("state") in REUSABLE and not row.blinded else None
