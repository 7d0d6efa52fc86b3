"""Lists come in pages, so that no request can ask for a whole database, and in a total order, so that none overlap.

What makes no sense answers 400: a script that misspells an order must not take the default one for what it asked.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


class BareFirst(Paginator):  # type: ignore[type-arg]
    """Looks for a page's place among bare keys, and reads only its own rows whole.

    A page behind a hundred thousand rows would otherwise join and sort them all, with everything that a row shows.
    """

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        rows: Any = self.object_list
        keys = rows.values("pk")[start : start + self.per_page]
        return Page(rows.filter(pk__in=keys), number, self)


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=`, 50 rows unless asked, never more than 200."""

    django_paginator_class = BareFirst
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int | None:
        asked = request.query_params.get(self.page_size_query_param)
        if asked and not (asked.isascii() and asked.isdecimal() and int(asked[:9])):
            raise ValidationError({self.page_size_query_param: ["Give a whole number from 1 to 200."]})
        return super().get_page_size(request)


class Ordering(OrderingFilter):
    """`?ordering=`, over what a view allows. The id breaks ties, or rows of one moment could show up on two pages."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str] | None:
        chosen = super().get_ordering(request, queryset, view)
        return [*chosen, "-pk"] if chosen else chosen

    def remove_invalid_fields(
        self, queryset: QuerySet[Any], fields: Iterable[str], view: Any, request: Request
    ) -> list[str]:
        asked = list(fields)
        valid = list(super().remove_invalid_fields(queryset, asked, view, request))
        if len(valid) < len(asked):
            known = ", ".join(name for name, _ in self.get_valid_fields(queryset, view, {"request": request}))
            raise ValidationError({self.ordering_param: [f"Choose from: {known}; with a minus for descending order."]})
        return valid

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        [parameter] = super().get_schema_operation_parameters(view)
        names = ", ".join(view.ordering_fields)
        return [parameter | {"description": f"One or more of {names}, with commas; a minus for descending order."}]
