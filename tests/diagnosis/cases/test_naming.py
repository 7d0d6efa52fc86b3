"""A renamed case is called so everywhere."""

from typing import Any

import pytest

from diagnosis.access import selectors
from diagnosis.access.filters import PredictionFilter
from diagnosis.cases import naming, trash
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.models import AuditEvent, Case
from tests.factories import CaseFactory

pytestmark = pytest.mark.django_db


def test_predictions_follow(case: Case, user: Any) -> None:
    assert naming.rename(case, reference=" CA-7 ", actor=user).reference == "CA-7"
    rows = selectors.predictions(user)
    assert PredictionFilter({"case": "CA-7"}, queryset=rows).qs.count() == 2
    assert not PredictionFilter({"q": "CA-1"}, queryset=rows).qs.exists()
    event = AuditEvent.objects.get(action="case.renamed")
    assert (event.actor, event.target, event.details) == ("ada", "CA-7", {"former": "CA-1", "reference": "CA-7"})


def test_the_same_name_is_no_change(case: Case, user: Any) -> None:
    assert naming.rename(case, reference="CA-1", actor=user) == case
    assert not AuditEvent.objects.exists()


def test_conditions_that_forbid_it(case: Case, user: Any, other_user: Any, reader: Any) -> None:
    CaseFactory(owner=other_user, reference="CA-3")
    taken = CaseFactory(owner=user, reference="CA-2")
    for reference, code in (("CA-2", "reference_taken"), ("Jane Doe", "invalid_reference"), ("", "invalid_reference")):
        with pytest.raises(CaseRefused) as error:
            naming.rename(case, reference=reference, actor=user)
        assert error.value.code == code
    trash.delete_case(taken, actor=user)
    with pytest.raises(CaseRefused, match="in the trash"):
        naming.rename(case, reference="CA-2", actor=user)
    for person in (other_user, reader):
        with pytest.raises(CaseForbidden):
            naming.rename(case, reference="CA-8", actor=person)
    naming.rename(case, reference="CA-3", actor=user)
    trash.delete_case(case, actor=user)
    with pytest.raises(CaseRefused, match="Restore it first"):
        naming.rename(case, reference="CA-4", actor=user)
