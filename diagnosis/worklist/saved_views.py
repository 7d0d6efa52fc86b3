"""A person's saved views and page size: every write, and what is read of them."""

from django.db import IntegrityError, transaction
from django.http import QueryDict

from diagnosis.access import audit, ownership
from diagnosis.access.refusals import Refused
from diagnosis.access.users import AnyUser, User
from diagnosis.models import SavedView, WorklistPreference
from diagnosis.models.saved_view import PAGE_SIZES
from diagnosis.worklist.query import CURSORS

MAX_VIEWS = 12
"""Each costs a count on every page of the worklist."""

LONGEST_NAME = SavedView._meta.get_field("name").max_length or 0
LONGEST_QUERY = SavedView._meta.get_field("query").max_length or 0


class ViewRefused(Refused):
    """Why a view or page size was not saved."""


def of(user: AnyUser) -> list[SavedView]:
    """The person's views, oldest first."""
    return list(SavedView.objects.filter(user=user.pk))


def save(user: User, *, name: str, query: str) -> SavedView:
    """Keep a filter and an order under a name. Raises ViewRefused."""
    name, query = _valid_name(name), _valid_query(query)
    with transaction.atomic():
        ownership.lock(user)  # two tabs that save at once take turns
        known = SavedView.objects.filter(user=user)
        if known.count() >= MAX_VIEWS:
            raise ViewRefused(
                "too_many_views", f"You have {MAX_VIEWS} saved views, which is the limit. Delete one first."
            )
        if known.filter(name=name).exists():
            raise _taken(name)
        view = SavedView.objects.create(user=user, name=name, query=query)
        audit.record("view.saved", actor=user, target=view, query=query)
    return view


def rename(view: SavedView, *, name: str) -> None:
    """Raises ViewRefused."""
    name, former = _valid_name(name), view.name
    if name == former:
        return
    view.name = name
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
            audit.record("view.renamed", actor=view.user, target=view, former_name=former)
    except IntegrityError:
        raise _taken(name) from None


def delete(view: SavedView) -> None:
    with transaction.atomic():
        audit.record("view.deleted", actor=view.user, target=view, query=view.query)
        view.delete()


def page_size(user: AnyUser) -> int:
    """Rows on a page of the person's worklist. One query."""
    chosen = WorklistPreference.objects.filter(user=user.pk).values_list("page_size", flat=True).first()
    return chosen or PAGE_SIZES[0]


def set_page_size(user: User, *, size: int) -> None:
    """Raises ViewRefused for a size that is not offered."""
    if size not in PAGE_SIZES:
        raise ViewRefused("page_size", f"A page has {', '.join(map(str, PAGE_SIZES[:-1]))} or {PAGE_SIZES[-1]} rows.")
    with transaction.atomic():
        WorklistPreference.objects.update_or_create(user=user, defaults={"page_size": size})
        audit.record("worklist.page_size_chosen", actor=user, target=user, size=size)


def _valid_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ViewRefused("view_name", f"A view's name has 1 to {LONGEST_NAME} characters that can be seen.")
    return name


def _valid_query(query: str) -> str:
    """Only what filters and sorts: no page, and nothing empty."""
    data = QueryDict(query.removeprefix("?")[: 4 * LONGEST_QUERY], mutable=True)
    for key in (*CURSORS, *(key for key, values in list(data.lists()) if not any(values))):
        data.pop(key, None)
    text = data.urlencode()
    if len(text) > LONGEST_QUERY:
        raise ViewRefused("view_too_long", "This filter is too long to be saved.")
    return text


def _taken(name: str) -> ViewRefused:
    return ViewRefused("view_name_taken", f"You have a view called {name} already.")
