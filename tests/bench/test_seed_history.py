"""`python -m bench.seed_history` makes the same history every time, and never beside real cases."""

from typing import Any

import pytest
from django.db import transaction

from bench import seed_history
from diagnosis.models import Assignment, Case, Prediction, Review, Scan
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


def rows() -> list[tuple[Any, ...]]:
    names = (
        "scan_name", "case_reference", "owner__username", "state", "outcome", "tumor_probability", "created",
        "scan__reading", "scan__case__assignments__user__username",
    )  # fmt: skip
    return list(Prediction.objects.order_by("id").values_list(*names))


def test_growing_in_steps_gives_the_same_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_history, "BATCH", 40)
    with transaction.atomic():
        for count in (50, 50, 97):
            written = list(seed_history.seed(count))
        assert written == [80, 97]
        grown = rows()
        assert len(grown) == 97 and Scan.objects.count() == 97 and Case.objects.count() == 20
        assert Assignment.objects.count() == 1 and Review.objects.count() == 51
        transaction.set_rollback(True)  # signed reviews can't be deleted
    assert list(seed_history.seed(97)) == [40, 80, 97]
    assert rows() == grown


def test_a_site_in_use_is_left_alone() -> None:
    CaseFactory()
    with pytest.raises(SystemExit, match="site of its own"):
        list(seed_history.seed(10))
    assert not Prediction.objects.exists()


def test_its_rows_can_be_looked_at(client: Any, admin: Any) -> None:
    assert list(seed_history.seed(30)) == [30]
    client.force_login(admin)
    assert len(client.get("/history/").context["page"]) == 25
    assert client.get(Prediction.objects.get(scan_name="axial_0000000.png").get_absolute_url()).status_code == 200
