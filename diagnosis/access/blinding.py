"""Blind first: what a reader may not know of a scan before they have committed an opinion on it.

`selectors` hands every query of predictions to `cover_rows`. For a reader whose policy is blind first, its rows say in
`blinded` whether the result is hidden, and come without it: all columns but VISIBLE are empty, so no page, file or
answer of the API can tell what it was not given, and a new column is hidden until it is named here. What a query
compares or sorts by is another matter: there `revealed` and `shown` keep hidden results out.

What reveals is one row: the reader's committed review of the scan, which can't be taken back.
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.db.models import Case, F, Model, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from diagnosis.access import reading_policy, viewing
from diagnosis.access.users import AnyUser
from diagnosis.models import Prediction, Review
from diagnosis.models.prediction import State

BLINDED = "blinded"
"""The annotation of rows, and the worklist status that a hidden result is shown under."""

VISIBLE = frozenset(
    {
        "id", "pk", "in_trash", "scan", "model_version", "owner", "owner_name", "case_reference", "scan_name",
        "requested_by", "state", "progress", "attempts", "error_code", "error", "searched", "created", "queued",
        "not_before", "started", "finished",
    }
)  # fmt: skip
"""The columns of a prediction that say nothing of its result."""


def cover_rows(rows: QuerySet[Prediction], *, user: AnyUser) -> QuerySet[Prediction]:
    """The same rows as `user` may see them; those whose result is not hidden are noted as told."""
    if not reading_policy.is_blind_first(user):
        return viewing.noting(rows)
    covered = rows.annotate(**{BLINDED: Q(state=State.DONE) & unread(user, "scan")})
    covered._iterable_class = _Covered
    return covered


def unread(user: AnyUser, scan: str) -> Q:
    """Whether `user` has committed no opinion yet on the scan in that column.

    By a list that a database makes once; a condition on each row would ask again for each that it counts.
    """
    read = Review.objects.filter(reader=user.pk, committed__isnull=False).order_by()
    return ~Q(**{f"{scan}__in": read.values("scan")})


def hide_unread(rows: QuerySet[Any], *, user: AnyUser, scan: str) -> QuerySet[Any]:
    """Leave out rows that belong to a scan whose result `user` may not know yet. scan: the column of its id."""
    return rows.exclude(unread(user, scan)) if reading_policy.is_blind_first(user) else rows


def cover(user: AnyUser, predictions: Iterable[Prediction]) -> None:
    """Empty those of the given predictions, which no selector has read, whose result `user` may not know yet."""
    if not reading_policy.is_blind_first(user):
        return
    loaded = list(predictions)
    read = Review.objects.filter(reader=user.pk, committed__isnull=False, scan__in={row.scan_id for row in loaded})
    committed = set(read.values_list("scan", flat=True))
    for row in loaded:
        if row.state == State.DONE and row.scan_id not in committed:
            _empty(row)


def is_covered(rows: QuerySet[Any]) -> bool:
    """Whether some of the rows may be blinded."""
    return BLINDED in rows.query.annotations


def revealed(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """Only the rows whose result may be told. Every filter by a hidden column starts from these."""
    return rows.filter(**{BLINDED: False}) if is_covered(rows) else rows


def shown(rows: QuerySet[Any], expression: str | Combinable, *, hidden: Any = None) -> Any:
    """What to sort or count the rows by: the expression, or `hidden` for rows whose result may not be told."""
    whole = F(expression) if isinstance(expression, str) else expression
    return Case(When(**{BLINDED: True}, then=Value(hidden)), default=whole) if is_covered(rows) else whole


class _Covered(viewing.Noting):
    """Yields predictions, without the results that are hidden."""

    def __iter__(self) -> Iterator[Model]:
        for row in super().__iter__():
            if getattr(row, BLINDED):
                _empty(cast(Prediction, row))
            yield row


def _empty(prediction: Prediction) -> None:
    prediction.blinded = True
    for field in Prediction._meta.concrete_fields:
        if field.name in VISIBLE:
            continue
        prediction.__dict__[field.attname] = field.get_default()
        prediction._state.fields_cache.pop(field.name, None)
    prediction.__dict__["worklist_status"] = BLINDED
