"""Keyset pagination: a page is found by the last row of the one before, so a deep page costs as much as the first.

A cursor holds a row's sort key and id, as JSON in URL-safe base64. `?after=` and `?before=` take one. Counts stop at
COUNT_LIMIT, because the exact count of a long list reads all of it.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

from django.db.models import BooleanField, F, Func, IntegerField, Model, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable

from diagnosis.access import blinding

COUNT_LIMIT = 1000
"""Rows that are counted exactly; a longer list is shown as "1,000+"."""

T = TypeVar("T", bound=Model)


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by `key`, then by id in the same direction.

    key: a field name or an expression that is never null. value_type: the Python type of its values. hidden: of a key
    that tells a result, the value that stands for it in rows whose result is hidden.
    """

    key: str | Combinable
    value_type: type = str
    descending: bool = False
    hidden: Any = None

    @property
    def expression(self) -> Any:
        return F(self.key) if isinstance(self.key, str) else self.key


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """The rows of one page, and cursors to the pages beside it; a cursor is empty where there is no such page."""

    rows: list[T]
    previous_cursor: str = ""
    next_cursor: str = ""

    def __iter__(self) -> Iterator[T]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class BoundedCount(Subquery):
    """The number of rows of a query, at most COUNT_LIMIT + 1: an expression, so that many counts run as one query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: COUNT_LIMIT + 1], output_field=IntegerField())


def difference(total: int, part: int) -> int | None:
    """`total` without `part`, both from bounded counts; None if the total was too many to count."""
    return total - part if total <= COUNT_LIMIT else None


def page(rows: QuerySet[T], *, order: Order, data: Mapping[str, str], size: int) -> Page[T]:
    """The page that `?after=` or `?before=` asks for: the last one for an empty `?before=`, else the first by default.

    One query; two where `?before=` leaves less than a page, because then the whole first page is shown. Two or three
    where nothing is left after `?after=`, because then the last page is shown.
    """
    is_last = data.get("before") == ""
    position = _decode(data.get("before") or data.get("after", ""), order.value_type)
    backward = is_last or ("before" in data and position is not None)
    found = list(_from(rows, order, position, backward=backward)[: size + 1])
    if backward and len(found) <= size:
        backward, position = False, None
        found = list(_from(rows, order, None, backward=False)[: size + 1])
    elif position is not None and not found:
        return page(rows, order=order, data={"before": ""}, size=size)
    more, found = len(found) > size, found[:size]
    if backward:
        found.reverse()
    if not found:
        return Page([])
    has_previous = more if backward else position is not None
    has_next = not is_last if backward else more
    return Page(found, cursor(found[0]) if has_previous else "", cursor(found[-1]) if has_next else "")


def page_around(rows: QuerySet[T], *, order: Order, row: T, size: int) -> Page[T]:
    """The page that has `row`, one of `sorted_rows`, in its middle, or where it would stand. Two or three queries."""
    ahead = list(beyond(rows, order=order, row=row, backward=True)[: size // 2 + 1])
    return page(rows, order=order, data={"after": cursor(ahead[-1])} if len(ahead) > size // 2 else {}, size=size)


def beyond(rows: QuerySet[T], *, order: Order, row: Any, backward: bool = False) -> QuerySet[T]:
    """The rows after `row`, one of `sorted_rows`, nearest first; those before it if `backward`."""
    return _from(rows, order, (row.sort_key, row.pk), backward=backward)


def sorted_rows(rows: QuerySet[T], *, order: Order, backward: bool = False) -> QuerySet[T]:
    """The rows in order, each with its key as `sort_key`, which `cursor` reads."""
    key = _as_shown(order, rows).expression
    keyed = cast("QuerySet[T]", rows.annotate(sort_key=key))
    return keyed.order_by(key.desc(), "-id") if order.descending != backward else keyed.order_by(key.asc(), "id")


def _as_shown(order: Order, rows: QuerySet[Any]) -> Order:
    if order.hidden is None:
        return order
    return replace(order, key=blinding.shown(rows, order.key, hidden=order.hidden), hidden=None)


def cursor(row: Any) -> str:
    """The cursor of a row from `sorted_rows`."""
    key = row.sort_key.isoformat() if isinstance(row.sort_key, datetime) else row.sort_key
    return base64.urlsafe_b64encode(json.dumps([key, row.pk]).encode()).decode().rstrip("=")


def _from(rows: QuerySet[T], order: Order, position: tuple[Any, int] | None, *, backward: bool) -> QuerySet[T]:
    order = _as_shown(order, rows)
    if position is not None:
        rows = rows.filter(_beyond(order, position, descending=order.descending != backward))
    return sorted_rows(rows, order=order, backward=backward)


def _beyond(order: Order, position: tuple[Any, int], *, descending: bool) -> Func:
    """Compares (key, id) as one row value, which an index over both columns answers."""
    sides = ((order.expression, F("id")), tuple(map(Value, position)))
    pairs = (Func(*side, template="(%(expressions)s)", output_field=BooleanField()) for side in sides)
    sign = " < " if descending else " > "
    return Func(*pairs, template="%(expressions)s", arg_joiner=sign, output_field=BooleanField())


def _decode(text: str, value_type: type) -> tuple[Any, int] | None:
    """The key and id in a cursor; None for text that is not a cursor of this order."""
    try:
        value, row_id = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if value_type is datetime:
            value = _utc(datetime.fromisoformat(value))
        str(value).encode()
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    if type(value) is not value_type or type(row_id) is not int or not 0 <= row_id < 2**63:
        return None
    return (value, row_id) if _storable(value) else None


def _utc(moment: datetime) -> datetime:
    """Converted to UTC here, because SQLite does not convert and PostgreSQL rejects offsets with fractional seconds.

    Raises ValueError for a time without an offset, OverflowError for one before year 1 or after year 9999 in UTC.
    """
    if moment.tzinfo is None:
        raise ValueError("a cursor's time needs a UTC offset")
    return moment.astimezone(UTC)


def _storable(value: Any) -> bool:
    """Whether a database accepts it: PostgreSQL takes no NUL characters and no integers over 64 bits."""
    if isinstance(value, datetime):
        return True
    return "\0" not in value if isinstance(value, str) else abs(value) < 2**63
