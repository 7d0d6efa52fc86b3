"""The worklist: every prediction one may see, filtered, sorted and paged, with all of it in the URL."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from django.db.models import Q, QuerySet, TextChoices
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from diagnosis import keyset, selectors
from diagnosis.filters import PredictionFilter
from diagnosis.keyset import Counted, Order
from diagnosis.models import Prediction
from diagnosis.models.prediction import SCORE_LAST_ASCENDING, SCORE_LAST_DESCENDING, Outcome, State
from diagnosis.people import Person
from diagnosis.views import words

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
"""Columns one may sort by, as the URL calls them; what has no score stands last either way."""

PLACES = ("after", "before")

CHOSEN_BY_TABS = ("state", "outcome", "uncertain")
"""Parameters that the tabs set; all others are filters beside them."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A saved view: a name and the states and outcomes it shows. `uncertain`: only these, or none of them."""

    key: str
    label: str
    kind: str = ""
    states: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    uncertain: bool | None = None

    @property
    def column(self) -> str:
        """What its count is called in a query: its key alone may be the name of a field."""
        return f"count_{self.key}"

    def condition(self) -> Q:
        chosen = Q()
        if self.states:
            chosen &= Q(state__in=self.states)
        if self.outcomes:
            chosen &= Q(outcome__in=self.outcomes)
        if self.uncertain is not None:
            chosen &= Q(uncertain=self.uncertain)
        return chosen

    def parameters(self) -> dict[str, list[str]]:
        """What stands for it in the URL."""
        chosen = {"state": list(self.states), "outcome": list(self.outcomes)}
        if self.uncertain is not None:
            chosen["uncertain"] = ["true" if self.uncertain else "false"]
        return {key: values for key, values in chosen.items() if values}


TABS = (
    Tab("all", "All"),
    Tab("active", "In progress", "running", states=(State.QUEUED, State.RUNNING)),
    Tab("tumor", "Tumor", "tumor", outcomes=(Outcome.TUMOR,), uncertain=False),
    Tab("uncertain", "Uncertain", "uncertain", uncertain=True),
    Tab("no_tumor", "No tumor", "no-tumor", outcomes=(Outcome.NO_TUMOR,), uncertain=False),
    Tab("refused", "Refused", "refused", outcomes=(Outcome.REFUSED,)),
    Tab("failed", "Failed", "failed", states=(State.FAILED, State.CANCELED)),
)


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """One page of the worklist. At most eight queries, however long it is."""
    visible = selectors.predictions(request.user)
    chosen = PredictionFilter(request.GET, queryset=visible)
    cast(ModelChoiceField, chosen.form.fields["model"]).empty_label = "Any model"
    sort = _sort(request.GET)
    page = keyset.page(words.with_calibration(chosen.qs), order_of(request.GET), request.GET, size=PAGE_SIZE)
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


def order_of(data: QueryDict) -> Order:
    """The order that the URL asks for."""
    sort = _sort(data)
    order = ORDERS.get(sort) or ORDERS[sort.removeprefix("-")]
    return replace(order, descending=sort.startswith("-"))


def _columns(sort: str) -> list[dict[str, str]]:
    """The table's head: which columns sort, which one does now, and what a click would make of it."""
    labels = {
        "case": "Case",
        "scan": "Scan",
        "score": "Outcome",
        "": "Type",
        "state": "State",
        "owner": "Owner",
        "when": "When",
    }
    columns = []
    for key, label in labels.items():
        current = key and sort.removeprefix("-") == key
        first = f"-{key}" if key in ("when", "score") else key
        following = (key if sort.startswith("-") else f"-{key}") if current else first
        direction = ("descending" if sort.startswith("-") else "ascending") if current else ""
        columns.append({"key": key, "label": label, "sort": following, "direction": direction})
    return columns


def _tabs(
    request: HttpRequest, visible: QuerySet[Prediction], chosen: QuerySet[Prediction]
) -> tuple[list[dict[str, object]], int]:
    """The tabs with their links and counts under all other filters, and the count of what is chosen. One query."""
    data, others = request.GET, request.GET.copy()
    for key in (*CHOSEN_BY_TABS, *PLACES):
        others.pop(key, None)
    rows = PredictionFilter(others, queryset=visible).qs
    now = {key: set(data.getlist(key)) for key in CHOSEN_BY_TABS if data.getlist(key)}
    current = next((tab for tab in TABS if now == {key: set(values) for key, values in tab.parameters().items()}), None)
    counted = {tab.column: Counted(rows.filter(tab.condition())) for tab in TABS}
    if current is None:
        counted["chosen"] = Counted(chosen)
    me = cast(Person, request.user)
    counts: Any = Person.objects.filter(pk=me.pk).values(**counted).get()  # one row for all of them to hang on
    tabs: list[dict[str, object]] = []
    for tab in TABS:
        target = others.copy()
        for key, values in tab.parameters().items():
            target.setlist(key, values)
        count = counts[tab.column]
        tabs.append({"tab": tab, "count": count, "query": target.urlencode(), "current": tab is current})
    return tabs, counts[current.column if current else "chosen"]


def _applied(chosen: PredictionFilter, *, in_tab: bool) -> list[dict[str, object]]:
    """The filters in force, in words, each with the parameter that a click takes away; less those that the current tab
    stands for."""
    chosen.form.is_valid()  # what could not be read is left out of cleaned_data
    values = chosen.form.cleaned_data
    created = values.get("created")
    words_of = {
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
    return [{"key": key, "words": text} for key, text in words_of.items() if text]


def _listed(name: str, values: list[str] | None, choices: type[TextChoices]) -> str:
    labels = dict(choices.choices)
    return f"{name}: {', '.join(str(labels.get(value, value.capitalize())) for value in values)}" if values else ""
