"""Lists come in pages, so that no request can ask for a whole database, and in a total order, so that none overlap."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import OrderingFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=`, 50 rows unless asked, never more than 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class Ordering(OrderingFilter):
    """`?ordering=`, over what a view allows. The id breaks ties, or rows of one moment could show up on two pages."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str] | None:
        chosen = super().get_ordering(request, queryset, view)
        return [*chosen, "-pk"] if chosen else chosen
