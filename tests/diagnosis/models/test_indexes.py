"""SQLite answers what the queue asks from the index made for it. `bench/history.py` needs the other indexes."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection

from diagnosis.access import selectors
from diagnosis.inference import transitions
from diagnosis.models import Prediction

ADR = Path(__file__).resolve().parents[3] / "docs" / "adr" / "0006-generated-columns-and-indexes.md"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads a small table whole"),
]


def test_the_next_prediction_is_found_without_sorting_the_queue() -> None:
    plan = transitions.never_claimed()[:1].explain()
    assert "USING INDEX prediction_state_queued (state=?)" in plan
    assert "ORDER BY" not in plan


def test_predictions_ahead_are_counted_in_the_index_alone(user: User) -> None:
    plan = selectors.statuses(user, prediction_ids=[1]).explain()
    assert "USING COVERING INDEX prediction_state_queued (state=? AND queued<?)" in plan


def test_every_index_has_a_figure() -> None:
    """One that no measured view needs costs every write, and goes."""
    assert [index.name for index in Prediction._meta.indexes if f"`{index.name}`" not in ADR.read_text()] == []
