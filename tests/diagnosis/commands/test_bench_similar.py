"""`manage.py bench_similar`: it measures on made-up rows, and never beside real ones."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from diagnosis.models import Embedding, Prediction, Scan
from tests.factories import ScanFactory

pytestmark = pytest.mark.django_db


def test_it_fills_an_empty_database_and_says_what_it_measured() -> None:
    out = StringIO()
    call_command("bench_similar", "120", stdout=out)
    said = out.getvalue()
    assert "120" in said and "held in memory" in said and said.count(" ms, at most ") == 2
    assert Scan.objects.count() == Prediction.objects.count() == Embedding.objects.count() == 120


def test_a_database_in_use_is_left_alone() -> None:
    ScanFactory()
    with pytest.raises(CommandError, match="needs an empty one"):
        call_command("bench_similar", "120")
    assert Scan.objects.count() == 1
