"""An error of PostgreSQL names the rule, and quotes neither row nor statement. The verification suite runs this file
there."""

import traceback

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from diagnosis.models import Case
from tests.factories import CaseFactory

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's errors quote no row"),
]


def test_an_error_names_the_rule_and_not_the_row() -> None:
    case = CaseFactory(reference="MRN-4711")
    with pytest.raises(IntegrityError) as missing, transaction.atomic():
        Case.objects.filter(pk=case.pk).update(created=None)
    with pytest.raises(IntegrityError) as double, transaction.atomic():
        Case.objects.bulk_create([Case(owner=case.owner, reference=case.reference)])
    with pytest.raises(DataError) as impossible, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT %s, %s::date", [case.reference, "0000-13-45"])
    texts = ["".join(traceback.format_exception(error.value)) for error in (missing, double, impossible)]
    assert "not-null constraint" in texts[0] and "unique constraint" in texts[1] and "out of range" in texts[2]
    assert [part for text in texts for part in ("MRN-4711", "DETAIL", "LINE 1") if part in text] == []
