"""An error of PostgreSQL names the rule, and quotes nothing of the row. The verification suite runs this file there."""

import traceback

import pytest
from django.db import IntegrityError, connection, transaction

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
    texts = ["".join(traceback.format_exception(error.value)) for error in (missing, double)]
    assert "not-null constraint" in texts[0] and "unique constraint" in texts[1]
    assert [part for text in texts for part in ("MRN-4711", "DETAIL") if part in text] == []
