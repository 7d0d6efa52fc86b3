"""`manage.py seed_history`: the same made-up history every time, and never beside real cases."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from diagnosis.management.commands import seed_history
from diagnosis.models import Case, Prediction, Scan
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


def rows() -> list[tuple[Any, ...]]:
    names = ("scan_name", "case_reference", "owner__username", "state", "outcome", "tumor_probability", "created")
    return list(Prediction.objects.order_by("id").values_list(*names))


def test_it_is_the_same_however_it_grew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed_history, "LOT", 40)
    for count in ("50", "50", "97"):
        call_command("seed_history", count, verbosity=0)
    grown = rows()
    assert len(grown) == 97 and Scan.objects.count() == 97 and Case.objects.count() == 20
    for model in (Prediction, Scan, Case):
        model.objects.all().delete()
    call_command("seed_history", "97")
    assert rows() == grown


def test_a_site_in_use_is_left_alone() -> None:
    CaseFactory()
    with pytest.raises(CommandError, match="site of its own"):
        call_command("seed_history", "10")
    assert not Prediction.objects.exists()


def test_its_rows_can_be_looked_at(client: Any, admin: Any) -> None:
    call_command("seed_history", "30")
    client.force_login(admin)
    assert len(client.get("/history/").context["page"]) == 25
    assert client.get(Prediction.objects.get(scan_name="axial_0000000.png").get_absolute_url()).status_code == 200
