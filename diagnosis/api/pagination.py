"""Page numbers and ordering of the API's lists. Pages are bounded, and a total order keeps them from overlapping.

Nonsense answers 400: a script that misspells an order must not get the default one instead. Web pages use keyset paging
(`access.pagination`); page numbers and exact counts are the API's contract (docs/adr/0004-keyset-paging.md).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import F, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from diagnosis.access import blinding


class DeferredJoinPaginator(Paginator):  # type: ignore[type-arg]
    """Finds the ids of a page first, and then reads only these rows with their joins.

    Otherwise a page after 100,000 rows would join and sort all of them with every column.
    """

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        rows: Any = self.object_list
        ids = rows.values("pk")[start : start + self.per_page]
        return Page(rows.filter(pk__in=ids), number, self)


class PageNumbers(PageNumberPagination):
    """`?page=` and `?page_size=`: 50 rows by default, at most 200."""

    django_paginator_class = DeferredJoinPaginator
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int | None:
        requested = request.query_params.get(self.page_size_query_param)
        if requested and not (requested.isascii() and requested.isdecimal() and int(requested[:9])):
            raise ValidationError({self.page_size_query_param: ["Give a whole number from 1 to 200."]})
        return super().get_page_size(request)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            parameter["schema"]["minimum"] = 1
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"]["default"] = self.page_size
                parameter["description"] = f"Rows on a page; more than {self.max_page_size} are not sent."
        return parameters


class Ordering(OrderingFilter):
    """`?ordering=` over the fields a view allows. The id breaks ties, or equal rows could appear on two pages."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str] | None:
        chosen = super().get_ordering(request, queryset, view)
        return [*chosen, "-pk"] if chosen else chosen

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """A column that tells a result sorts as if it were empty in rows whose result is hidden."""
        chosen = self.get_ordering(request, queryset, view)
        if not chosen:
            return queryset
        keys = (
            (name.startswith("-"), blinding.shown(queryset, F(field)) if field not in blinding.VISIBLE else F(field))
            for name in chosen
            for field in (name.removeprefix("-"),)
        )
        return queryset.order_by(*(key.desc() if descending else key.asc() for descending, key in keys))

    def remove_invalid_fields(
        self, queryset: QuerySet[Any], fields: Iterable[str], view: Any, request: Request
    ) -> list[str]:
        requested = list(fields)
        valid = list(super().remove_invalid_fields(queryset, requested, view, request))
        if len(valid) < len(requested):
            names = ", ".join(name for name, _ in self.get_valid_fields(queryset, view, {"request": request}))
            raise ValidationError({self.ordering_param: [f"Choose from: {names}; with a minus for descending order."]})
        return valid

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        [parameter] = super().get_schema_operation_parameters(view)
        names = ", ".join(view.ordering_fields)
        one = f"-?({'|'.join(view.ordering_fields)})"
        return [
            parameter
            | {
                "description": f"One or more of {names}, with commas; a minus for descending order.",
                "schema": {"type": "string", "pattern": f"^({one}(,{one})*)?$"},
            }
        ]
