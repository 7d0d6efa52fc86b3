"""The worklist's tabs: how far people are with a scan, what the model says, and each person's saved views.

All counts under the current filters cost two queries, however many tabs there are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from diagnosis.access import blinding, filters, pagination
from diagnosis.access.pagination import COUNT_LIMIT, BoundedCount
from diagnosis.access.users import AnyUser
from diagnosis.models import Prediction, SavedView
from diagnosis.models.prediction import ACTIVE, STOPPED, Outcome, WorklistStatus
from diagnosis.models.scan import REVIEW_STATES, Reading
from diagnosis.reviews.consensus import with_review_state
from diagnosis.worklist.query import CHOSEN_BY_TABS, CURSORS, Worklist


@dataclass(frozen=True, slots=True)
class Tab:
    """A view that everybody has: its label, what it shows (None: any), and the URL parameters that select it."""

    label: str
    worklist_status: WorklistStatus | None = None
    review_state: str | None = None
    assigned: bool = False
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Names the tab's icon and color."""
        if self.worklist_status is None:
            return ""
        if self.worklist_status is WorklistStatus.ACTIVE:
            return "running"
        return self.worklist_status.value.replace("_", "-")

    def holds(self, worklist_status: str, review_state: str, assigned: bool) -> bool:
        """Whether it shows a row with these values; the tab of all rows says no."""
        if self.assigned:
            return assigned
        return worklist_status == self.worklist_status or review_state == self.review_state

    def of(self, rows: QuerySet[Prediction], *, user: AnyUser) -> QuerySet[Prediction]:
        """The rows that it shows."""
        if self.assigned:
            return rows.filter(filters.assigned_to(user))
        if self.review_state:
            return rows.filter(filters.in_review_states(user, [self.review_state]))
        return blinding.revealed(rows).filter(worklist_status=self.worklist_status)


ALL = Tab("All")
READING_TABS = (
    ALL,
    *(Tab(label, review_state=state, parameters={"reading": (state,)}) for state, label in REVIEW_STATES),
    Tab("Assigned to me", assigned=True, parameters={"assigned": (filters.ME,)}),
)
STATUS_TABS = (
    Tab("In progress", WorklistStatus.ACTIVE, parameters={"state": ACTIVE}),
    Tab("Tumor", WorklistStatus.TUMOR, parameters={"outcome": (Outcome.TUMOR,), "uncertain": ("false",)}),
    Tab("Uncertain", WorklistStatus.UNCERTAIN, parameters={"uncertain": ("true",)}),
    Tab("No tumor", WorklistStatus.NO_TUMOR, parameters={"outcome": (Outcome.NO_TUMOR,), "uncertain": ("false",)}),
    Tab("Refused", WorklistStatus.REFUSED, parameters={"outcome": (Outcome.REFUSED,)}),
    Tab("Failed", WorklistStatus.FAILED, parameters={"state": STOPPED}),
)
TABS = (*READING_TABS, *STATUS_TABS)


@dataclass(frozen=True, slots=True)
class ShownTab:
    """A tab, or a saved view, on the page."""

    label: str
    count: int
    query: str
    current: bool
    tab: Tab | None = None
    view: SavedView | None = None


@dataclass(frozen=True, slots=True)
class Tabs:
    """count: rows of the current selection. unread, readable: of its rows under any review state."""

    reading: list[ShownTab]
    status: list[ShownTab]
    saved: list[ShownTab]
    count: int
    unread: int
    readable: int

    @property
    def read(self) -> int | None:
        """How many somebody has read; None for a list too long to be counted."""
        return pagination.difference(self.readable, self.unread)

    @property
    def in_tab(self) -> bool:
        """Whether the selection is that of a built-in tab."""
        return any(shown.current for shown in (*self.reading, *self.status))


def tabs(worklist: Worklist, saved: Sequence[SavedView]) -> Tabs:
    """All tabs with links, and with counts under the other filters. Saved views count under their own."""
    others = worklist.without(*CHOSEN_BY_TABS, *CURSORS)
    chosen = {key: set(worklist.data.getlist(key)) for key in CHOSEN_BY_TABS if worklist.data.getlist(key)}
    current = next((tab for tab in TABS if chosen == {key: set(found) for key, found in tab.parameters.items()}), None)
    wanted = {f"view {view.pk}": worklist.counted(QueryDict(view.query)) for view in saved}
    if current is None:
        wanted["chosen"] = worklist.rows
    if set(chosen) - {"reading"}:
        base = worklist.counted(worklist.without("reading", *CURSORS))
        wanted |= {"base": base, "base unread": base.filter(scan__reading=Reading.UNREAD)}
    counts = _counts(worklist, worklist.counted(others), wanted)
    readable = counts["base" if "base" in wanted else ALL.label]
    unread = counts["base unread" if "base" in wanted else "unread"]

    def shown(tab: Tab) -> ShownTab:
        query = others.copy()
        for key, values in tab.parameters.items():
            query.setlist(key, list(values))
        return ShownTab(tab.label, counts[tab.label], query.urlencode(), tab is current, tab=tab)

    here = _choices(worklist.without(*CURSORS))
    views = [(view, _choices(QueryDict(view.query)) == here) for view in saved]
    return Tabs(
        reading=[shown(tab) for tab in READING_TABS],
        status=[shown(tab) for tab in STATUS_TABS],
        saved=[ShownTab(view.name, counts[f"view {view.pk}"], view.query, now, view=view) for view, now in views],
        count=counts[current.label if current else "chosen"],
        unread=unread,
        readable=readable,
    )


def _counts(worklist: Worklist, rows: QuerySet[Prediction], wanted: Mapping[str, QuerySet[Prediction]]) -> Counter[str]:
    """Counts of `rows` by tab's label, of those that nobody has read as "unread", and of each `wanted`.

    Each is at most COUNT_LIMIT + 1. The first query reads that many rows, which counts a short list; a longer one is
    counted by the second, together with what is wanted.
    """
    known = with_review_state(rows.order_by(), user=worklist.user)
    status = blinding.shown(known, "worklist_status", hidden=blinding.BLINDED)
    columns = ("shown_status", "review_state", "assigned", "scan__reading")
    seen = list(known.annotate(shown_status=status).values_list(*columns)[: COUNT_LIMIT + 1])
    unknown = dict(wanted)
    counts: Counter[str] = Counter()
    if len(seen) > COUNT_LIMIT:
        unknown |= {tab.label: tab.of(rows, user=worklist.user) for tab in TABS if tab is not ALL}
        unknown["unread"] = rows.filter(scan__reading=Reading.UNREAD)
    else:
        counts.update(tab.label for row in seen for tab in TABS if tab.holds(*row[:3]))
        counts["unread"] = sum(row[3] == Reading.UNREAD for row in seen)
    counts[ALL.label] = len(seen)
    if unknown:
        # Annotate the counts on one arbitrary row, so that they run as one query. Without any row all are zero.
        asked = {f"count_{number}": BoundedCount(some) for number, some in enumerate(unknown.values())}
        row: Any = Prediction.objects.order_by("pk").values(**asked).first() or {}
        for number, name in enumerate(unknown):
            counts[name] = row.get(f"count_{number}") or 0  # null where nothing can match
    return counts


def _choices(data: QueryDict) -> dict[str, set[str]]:
    """What a query string chooses: an empty value chooses nothing, and neither order nor repetition counts."""
    return {key: found for key in data if (found := {value for value in data.getlist(key) if value})}
