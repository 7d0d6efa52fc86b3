"""The worklist: every prediction that the user may see, filtered, sorted and paged. The URL holds all choices."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from django.db.models import QuerySet, TextChoices
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis.access import pagination, selectors
from diagnosis.access.filters import PredictionFilter
from diagnosis.access.pagination import COUNT_LIMIT, BoundedCount, Order
from diagnosis.models import Prediction
from diagnosis.models.prediction import (
    ACTIVE,
    SCORE_LAST_ASCENDING,
    SCORE_LAST_DESCENDING,
    STOPPED,
    Outcome,
    State,
    WorklistStatus,
)
from diagnosis.presentation import labels

PAGE_SIZE = 25

ORDERS = {
    "when": Order("created", datetime),
    "case": Order("case_reference"),
    "scan": Order("scan_name"),
    "score": Order(SCORE_LAST_ASCENDING, float),
    "-score": Order(SCORE_LAST_DESCENDING, float),
    "state": Order("state"),
    "owner": Order("owner_name"),
}
"""Sortable columns by their name in the URL. Predictions without a score come last in both directions."""

CURSORS = ("after", "before")
"""Parameters that name a page; the links of other tabs and filters leave them out."""

CHOSEN_BY_TABS = ("state", "outcome", "uncertain")
"""Parameters that the tabs set; all others filter within a tab."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view: its label, the status it shows (None: all), and the URL parameters that select it."""

    label: str
    worklist_status: WorklistStatus | None = None
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """Names the tab's icon and color."""
        if self.worklist_status is None:
            return ""
        if self.worklist_status is WorklistStatus.ACTIVE:
            return "running"
        return self.worklist_status.value.replace("_", "-")


TABS = (
    Tab("All"),
    Tab("In progress", WorklistStatus.ACTIVE, {"state": ACTIVE}),
    Tab("Tumor", WorklistStatus.TUMOR, {"outcome": (Outcome.TUMOR,), "uncertain": ("false",)}),
    Tab("Uncertain", WorklistStatus.UNCERTAIN, {"uncertain": ("true",)}),
    Tab("No tumor", WorklistStatus.NO_TUMOR, {"outcome": (Outcome.NO_TUMOR,), "uncertain": ("false",)}),
    Tab("Refused", WorklistStatus.REFUSED, {"outcome": (Outcome.REFUSED,)}),
    Tab("Failed", WorklistStatus.FAILED, {"state": STOPPED}),
)


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """One page of the worklist. At most nine queries, however long it is."""
    visible = selectors.predictions(request.user)
    chosen = PredictionFilter(request.GET, queryset=visible)
    cast("ModelChoiceField[Any]", chosen.form.fields["model"]).empty_label = "Any model"
    sort = _sort(request.GET)
    page = pagination.page(
        labels.with_calibration(chosen.qs), order=requested_order(request.GET), data=request.GET, size=PAGE_SIZE
    )
    tabs, count = _tabs(request, visible, chosen.qs)
    filters = _applied(chosen, in_tab=any(tab["current"] for tab in tabs))
    context = {
        "page": page,
        "count": count,
        "tabs": tabs,
        "filter": chosen,
        "applied": filters,
        "columns": _columns(sort),
        "query": request.GET.get("q", ""),
        "view": "row",
        "active": any(row.is_active for row in page),
    }
    if not page:
        context["samples"] = selectors.cases(request.user).filter(simulated=True)[:3]
        context["nothing_yet"] = not request.GET or not visible.exists()
    return render(request, "diagnosis/history.html", context)


def _sort(data: QueryDict) -> str:
    wanted = data.get("sort", "")
    return wanted if wanted.removeprefix("-") in ORDERS else "-when"


def requested_order(data: QueryDict) -> Order:
    """The order that the URL asks for."""
    sort = _sort(data)
    order = ORDERS.get(sort) or ORDERS[sort.removeprefix("-")]
    return replace(order, descending=sort.startswith("-"))


def _columns(sort: str) -> list[dict[str, str]]:
    """The table's head: label, current direction, and the `sort` parameter that a click sets."""
    headings = {
        "case": "Case",
        "scan": "Scan",
        "score": "Outcome",
        "": "Type",
        "state": "State",
        "owner": "Owner",
        "when": "When",
    }
    columns = []
    for key, label in headings.items():
        current = key and sort.removeprefix("-") == key
        first = f"-{key}" if key in ("when", "score") else key
        following = (key if sort.startswith("-") else f"-{key}") if current else first
        direction = ("descending" if sort.startswith("-") else "ascending") if current else ""
        columns.append({"key": key, "label": label, "sort": following, "direction": direction})
    return columns


def _tabs(
    request: HttpRequest, visible: QuerySet[Prediction], chosen: QuerySet[Prediction]
) -> tuple[list[dict[str, object]], int]:
    """The tabs with links and with counts under the other filters, and the count of the current selection."""
    data, others = request.GET, request.GET.copy()
    for key in (*CHOSEN_BY_TABS, *CURSORS):
        others.pop(key, None)
    now = {key: set(data.getlist(key)) for key in CHOSEN_BY_TABS if data.getlist(key)}
    current = next((tab for tab in TABS if now == {key: set(values) for key, values in tab.parameters.items()}), None)
    counts = _counts(PredictionFilter(others, queryset=visible).qs, other=None if current else chosen)
    tabs: list[dict[str, object]] = []
    for tab in TABS:
        target = others.copy()
        for key, values in tab.parameters.items():
            target.setlist(key, list(values))
        count = counts[tab.worklist_status or "all"]
        tabs.append({"tab": tab, "count": count, "query": target.urlencode(), "current": tab is current})
    return tabs, counts[(current.worklist_status or "all") if current else "other"]


def _counts(rows: QuerySet[Prediction], *, other: QuerySet[Prediction] | None) -> Counter[str]:
    """Row counts by worklist status, of "all" and of `other`, each at most COUNT_LIMIT + 1.

    The first query reads that many rows, which counts a short list; only a longer one needs the second.
    """
    seen = list(rows.order_by().values_list("worklist_status", flat=True)[: COUNT_LIMIT + 1])
    counts = Counter(seen)
    counts["all"] = len(seen)
    unknown = {} if other is None else {"other": other}
    if len(seen) > COUNT_LIMIT:
        unknown |= {status: rows.filter(worklist_status=status) for status in WorklistStatus.values}
    if unknown:
        # Annotate the counts on one arbitrary row, so that they run as one query. Without any row all are zero.
        asked = {f"count_{name}": BoundedCount(some) for name, some in unknown.items()}
        row: Any = Prediction.objects.order_by("pk").values(**asked).first() or {}
        for name in unknown:
            counts[name] = row.get(f"count_{name}", 0)
    return counts


def _applied(chosen: PredictionFilter, *, in_tab: bool) -> list[dict[str, object]]:
    """The active filters in words, each with the parameter that a click removes; without those of the current tab."""
    chosen.form.is_valid()  # what could not be read is left out of cleaned_data
    values = chosen.form.cleaned_data
    created = values.get("created")
    texts = {
        "q": f"“{values['q']}”" if values.get("q") else "",
        "case": f"Case {values['case']}" if values.get("case") else "",
        "owner": f"Owner {values['owner']}" if values.get("owner") else "",
        "trained_on": {True: "Seen in training", False: "Not seen in training"}.get(values.get("trained_on", ""), ""),
        "model": f"Model {values['model']}" if values.get("model") else "",
        "state": "" if in_tab else _listed("State", values.get("state"), State),
        "outcome": "" if in_tab else _listed("Outcome", values.get("outcome"), Outcome),
        "uncertain": "" if in_tab else {True: "Uncertain", False: "Not uncertain"}.get(values.get("uncertain", ""), ""),
        "created_after": f"From {created.start:%Y-%m-%d}" if created and created.start else "",
        "created_before": f"Until {created.stop:%Y-%m-%d}" if created and created.stop else "",
    }
    return [{"key": key, "words": text} for key, text in texts.items() if text]


def _listed(name: str, values: list[str] | None, choices: type[TextChoices]) -> str:
    named = dict(choices.choices)
    return f"{name}: {', '.join(str(named.get(value, value.capitalize())) for value in values)}" if values else ""
