"""What a person asked the worklist for. The query string holds all choices, so that pages, walking through the list,
saved views, bulk actions and exports read the same rows in the same order.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.forms import IntegerField
from django.http import QueryDict

from diagnosis.access import selectors
from diagnosis.access.filters import PredictionFilter
from diagnosis.access.pagination import Order
from diagnosis.access.users import AnyUser
from diagnosis.models import Prediction
from diagnosis.models.prediction import SCORE_LAST_ASCENDING, SCORE_LAST_DESCENDING, TRIAGE

ORDERS = {
    "when": Order("created", datetime),
    "triage": Order(TRIAGE, int, hidden=0),
    "case": Order("case_reference"),
    "scan": Order("scan_name"),
    "score": Order(SCORE_LAST_ASCENDING, float, hidden=2.0),
    "-score": Order(SCORE_LAST_DESCENDING, float, hidden=-1.0),
    "state": Order("state"),
    "owner": Order("owner_name"),
}
"""Orders by their name in the URL. Predictions without a score come last in both directions."""

NEWEST_FIRST = "-when"

CURSORS = ("after", "before", "at", "since")
"""Parameters that name a page or a moment; the links of tabs, filters and saved views leave them out."""

CHOSEN_BY_TABS = ("state", "outcome", "uncertain", "reading", "assigned")
"""Parameters that the tabs set; all others filter within a tab."""


class IdFilter(django_filters.Filter):
    """An id that a database can hold, without a query to find what it names."""

    field_class = IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=2**63 - 1, **kwargs)


class CountFilter(PredictionFilter):
    """The same filters for counts, which cost no query of their own.

    Only those that the data names are made: a page counts a dozen saved views, and making every filter for each of
    them took a third of its time.
    """

    model = IdFilter(field_name="model_version")  # type: ignore[assignment]

    def __init__(self, data: QueryDict, **kwargs: Any) -> None:
        # A range has a parameter for either end: the field's name with a suffix.
        named = {name for name in self.base_filters if any(key.startswith(name) for key in data)}
        self.base_filters = OrderedDict((name, self.base_filters[name]) for name in named)
        super().__init__(data, **kwargs)


@dataclass(frozen=True)
class Worklist:
    """The predictions that `user` may see and `data` asks for."""

    user: AnyUser
    data: QueryDict

    @classmethod
    def of_query(cls, user: AnyUser, query: str) -> "Worklist":
        return cls(user, QueryDict(query[:4000]))

    @cached_property
    def visible(self) -> QuerySet[Prediction]:
        """All that the user may see, unfiltered."""
        return selectors.predictions(self.user)

    @cached_property
    def filter(self) -> PredictionFilter:
        """Filters that can't be read are left out; its form has the errors."""
        return PredictionFilter(self.data, queryset=self.visible, user=self.user)

    @property
    def rows(self) -> QuerySet[Prediction]:
        """The chosen rows, unordered."""
        return self.filter.qs

    def counted(self, data: QueryDict) -> QuerySet[Prediction]:
        """The rows of another choice, to count them."""
        return CountFilter(data, queryset=self.visible, user=self.user).qs

    def without(self, *keys: str) -> QueryDict:
        """The choices without these."""
        rest = self.data.copy()
        for key in keys:
            rest.pop(key, None)
        return rest

    @property
    def sort(self) -> str:
        """The name of the order, with a minus for descending; newest first for any unknown one."""
        wanted = self.data.get("sort", "")
        known = wanted in ORDERS or (wanted.removeprefix("-") in ORDERS and not wanted.startswith("--"))
        return wanted if known else NEWEST_FIRST

    @property
    def order(self) -> Order:
        order = ORDERS.get(self.sort) or ORDERS[self.sort.removeprefix("-")]
        return replace(order, descending=self.sort.startswith("-"))
