"""Walking through a filtered list from result to result, by the list's own order.

A row that has left the list meanwhile, such as one that was read under "unread", keeps its position in the order, so
the next row is found from there. The list travels in the URL, as the query string it was opened with.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Subquery
from django.utils.http import urlencode

from diagnosis.access import filters, pagination
from diagnosis.access.pagination import BoundedCount
from diagnosis.access.users import AnyUser
from diagnosis.models import Prediction
from diagnosis.models.scan import Reading
from diagnosis.worklist.query import CURSORS, Worklist


@dataclass(frozen=True, slots=True)
class Walk:
    """previous, following: ids of the predictions beside this one in the list. unread, total: of the list under
    any review state, each at most COUNT_LIMIT + 1. list_query: what the list was opened with."""

    list_query: str
    back_query: str
    previous: int | None
    following: int | None
    unread: int
    total: int

    @property
    def read(self) -> int | None:
        """How many somebody has read; None for a list too long to be counted."""
        return pagination.difference(self.total, self.unread)

    @property
    def query(self) -> str:
        """What a link to another result of the list carries."""
        return urlencode({"list": self.list_query})


def through(user: AnyUser, list_query: str, *, at: Prediction) -> Walk | None:
    """Two queries, however long the list is. None if the user can no longer see the row."""
    worklist = Worklist.of_query(user, list_query)
    here = pagination.sorted_rows(worklist.visible.filter(pk=at.pk), order=worklist.order).first()
    if here is None:
        return None
    before, after = (
        pagination.beyond(worklist.rows, order=worklist.order, row=here, backward=backward).values("pk")[:1]
        for backward in (True, False)
    )
    everything = worklist.counted(worklist.without("reading", *CURSORS))
    found: Any = (
        Prediction.objects.order_by("pk")
        .filter(pk=at.pk)
        .values(
            before=Subquery(before),
            after=Subquery(after),
            total=BoundedCount(everything),
            unread=BoundedCount(everything.filter(scan__reading=Reading.UNREAD)),
        )
        .get()
    )
    back = worklist.without("at")
    back["at"] = str(at.pk)
    return Walk(
        list_query, back.urlencode(), found["before"], found["after"], found["unread"] or 0, found["total"] or 0
    )


def next_unread(user: AnyUser, list_query: str, *, after: Prediction | None) -> int | None:
    """Id of the first unread scan's prediction after `after` in the list, else from its start; None without any.

    Two or three queries.
    """
    worklist = Worklist.of_query(user, list_query)
    everything = worklist.counted(worklist.without("reading", *CURSORS))
    unread = everything.filter(filters.in_review_states(user, [Reading.UNREAD]))
    if after is not None:
        unread = unread.exclude(pk=after.pk)
        here = pagination.sorted_rows(worklist.visible.filter(pk=after.pk), order=worklist.order).first()
        if here is not None:
            following = pagination.beyond(unread, order=worklist.order, row=here).values_list("pk", flat=True).first()
            if following is not None:
                return following
    return pagination.sorted_rows(unread, order=worklist.order).values_list("pk", flat=True).first()
