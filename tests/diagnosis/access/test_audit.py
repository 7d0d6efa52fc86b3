"""The audit trail holds whatever a request brings."""

import pytest

from diagnosis.access import audit

pytestmark = pytest.mark.django_db


def test_details_that_no_database_can_hold_are_marked() -> None:
    event = audit.record("list.exported", filters={"q\0": ["a\0b", "\udc80", 3, None]})
    event.refresh_from_db()
    assert event.details == {"filters": {"q\N{REPLACEMENT CHARACTER}": ["a\N{REPLACEMENT CHARACTER}b", "?", 3, None]}}
