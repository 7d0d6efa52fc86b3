"""Pages by key: rows with the same key, and rows that go while somebody turns pages."""

from datetime import UTC, datetime

import pytest

from diagnosis.access.pagination import Order, page
from diagnosis.models import Case
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db

NEWEST_FIRST = Order("deleted", datetime, descending=True)
SIZE = 2


@pytest.fixture
def cases() -> list[Case]:
    """Five that were deleted at once, in the order of the list."""
    made: list[Case] = [CaseFactory(deleted=datetime(2026, 1, 5, 9, tzinfo=UTC)) for _ in range(5)]
    return made[::-1]


def shown(**data: str) -> tuple[list[Case], str, str]:
    found = page(Case.objects.all(), order=NEWEST_FIRST, data=data, size=SIZE)
    return found.rows, found.previous_cursor, found.next_cursor


def test_rows_with_the_same_key_are_each_shown_once_in_both_directions(cases: list[Case]) -> None:
    first, no_page, cursor = shown()
    second, _, following = shown(after=cursor)
    third, previous, no_other = shown(after=following)
    assert [first, second, third] == [cases[:2], cases[2:4], cases[4:]]
    assert (no_page, no_other) == ("", "")
    assert shown(before=previous)[0] == second
    assert shown(before="") == (cases[3:], shown(before="")[1], "")


def test_a_page_goes_on_after_a_row_that_has_left(cases: list[Case]) -> None:
    cursor = shown()[2]
    cases[1].delete()
    assert shown(after=cursor)[0] == cases[2:4]


@pytest.mark.parametrize("left", [4, 3, 2, 1])
def test_where_nothing_is_left_after_a_row_the_last_page_is_shown(cases: list[Case], left: int) -> None:
    cursor = shown(after=shown()[2])[2]
    for case in cases[left:]:
        case.delete()
    rows, previous, following = shown(after=cursor)
    assert (rows, following) == (cases[:left][-SIZE:], "")
    assert bool(previous) == (left > SIZE)


def test_an_empty_list_has_one_empty_page(cases: list[Case]) -> None:
    cursor = shown()[2]
    Case.objects.all().delete()
    assert shown(after=cursor) == shown() == shown(before=cursor) == ([], "", "")
