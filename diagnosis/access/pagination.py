"""Pages of a list by where the last one ended, so that a deep page costs what the first one does.

A page's place is the key of a row and its id: `?after=` or `?before=` with both, as JSON in base64. Counts stop at
COUNTED, as the exact number of a long list takes a look at all of it.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from django.db.models import BooleanField, F, Func, IntegerField, Model, QuerySet, Subquery, Value
from django.http import QueryDict

COUNTED = 1000
"""Rows that are counted; of more, a page says just that."""

T = TypeVar("T", bound=Model)


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by `key`, a field's name or an expression that is never null, of type `kind`, then by id the same way."""

    key: str | Func
    kind: type = str
    descending: bool = False

    @property
    def expression(self) -> Any:
        return F(self.key) if isinstance(self.key, str) else self.key


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, and the places before and after them; empty where there is no more."""

    rows: list[T]
    previous: str = ""
    following: str = ""

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Counted(Subquery):
    """How many rows a query has, at most COUNTED + 1: an expression, so that many counts are one query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: COUNTED + 1], output_field=IntegerField())


def page(rows: QuerySet[T], order: Order, data: QueryDict, *, size: int) -> Page[T]:
    """The page that `?after=` or `?before=` names; an empty `?before=` is the last, and what names none the first.

    One query, or two for a `before` with less than a page before it.
    """
    to_end = data.get("before") == ""
    place = _place(data.get("before") or data.get("after", ""), order.kind)
    back = to_end or ("before" in data and place is not None)
    found = list(_from(rows, order, place, back=back)[: size + 1])
    if back and len(found) <= size:  # the first page, whole
        back, place = False, None
        found = list(_from(rows, order, None, back=False)[: size + 1])
    more, found = len(found) > size, found[:size]
    if back:
        found.reverse()
    if not found:
        return Page([])
    before = more if back else place is not None
    following = not to_end if back else more
    return Page(found, token(found[0]) if before else "", token(found[-1]) if following else "")


def _from(rows: QuerySet[T], order: Order, place: tuple[Any, int] | None, *, back: bool) -> QuerySet[T]:
    down = order.descending != back
    if place is not None:
        rows = rows.filter(_beyond(order, place, down=down))
    key = order.expression
    keyed = cast("QuerySet[T]", rows.annotate(sort_key=key))
    return keyed.order_by(key.desc(), "-id") if down else keyed.order_by(key.asc(), "id")


def _beyond(order: Order, place: tuple[Any, int], *, down: bool) -> Func:
    """Compares the pair (key, id) as a whole, which one index with both answers."""
    sides = ((order.expression, F("id")), tuple(map(Value, place)))
    pairs = (Func(*side, template="(%(expressions)s)", output_field=BooleanField()) for side in sides)
    sign = " < " if down else " > "
    return Func(*pairs, template="%(expressions)s", arg_joiner=sign, output_field=BooleanField())


def token(row: Any) -> str:
    """The place of a row that was loaded with its `sort_key`."""
    key = row.sort_key.isoformat() if isinstance(row.sort_key, datetime) else row.sort_key
    return base64.urlsafe_b64encode(json.dumps([key, row.pk]).encode()).decode().rstrip("=")


def _place(text: str, kind: type) -> tuple[Any, int] | None:
    """None for what no page of this order has written."""
    try:
        value, row_id = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if kind is datetime:
            value = _utc(datetime.fromisoformat(value))
        str(value).encode()
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    if type(value) is not kind or type(row_id) is not int or not 0 <= row_id < 2**63:
        return None
    return (value, row_id) if _storable(value) else None


def _utc(moment: datetime) -> datetime:
    """In UTC: SQLite would have to bring it there itself, and PostgreSQL reads no zone with a fraction of a second.

    Raises ValueError for a time without a zone, OverflowError for one before the first year or after the last.
    """
    if moment.tzinfo is None:
        raise ValueError("a place in time has a zone")
    return moment.astimezone(UTC)


def _storable(value: Any) -> bool:
    """Whether a database takes it: PostgreSQL has no zero characters and no numbers of 65 bits."""
    if isinstance(value, datetime):
        return True
    return "\0" not in value if isinstance(value, str) else abs(value) < 2**63
