"""Notes are appended, labels are replaced as a whole; both are audited."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from diagnosis.access.sharing import Assignee, assign
from diagnosis.cases import notes
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.models import AuditEvent, Case, CaseLabel, CaseNote
from tests.factories import CaseFactory
from tests.overlapping import Meanwhile, overlapping

pytestmark = pytest.mark.django_db


def test_a_note_keeps_author_and_time(case: Case, user: Any) -> None:
    note = notes.add_note(case, author=user, text="  Compare with\r\nlast year. ")
    assert (note.text, note.author, note.author_name) == ("Compare with\nlast year.", user, "ada")
    event = AuditEvent.objects.get(action="case.noted")
    assert (event.target_id, event.details) == (str(case.pk), {"note": note.pk})


def test_a_double_click_adds_one_note(case: Case, user: Any, reader: Any) -> None:
    first = notes.add_note(case, author=user, text="Compare.")
    assert notes.add_note(case, author=user, text=" Compare. ") == first
    assert AuditEvent.objects.filter(action="case.noted").count() == CaseNote.objects.count() == 1
    notes.add_note(case, author=reader, text="Compare.")
    notes.add_note(case, author=user, text="Compare.")  # somebody has written since
    assert CaseNote.objects.count() == 3


def test_the_same_words_on_another_day_are_another_note(case: Case, user: Any) -> None:
    first = notes.add_note(case, author=user, text="No change.")
    CaseNote.objects.filter(pk=first.pk).update(created=timezone.now() - timedelta(days=30))
    assert notes.add_note(case, author=user, text="No change.") != first
    assert CaseNote.objects.count() == 2


def test_the_authors_name_outlives_the_account(case: Case, reader: Any) -> None:
    note = notes.add_note(case, author=reader, text="Seen.")
    reader.delete()
    note.refresh_from_db()
    assert (note.author, note.author_name) == (None, "reader")


def test_only_users_who_can_read_a_case_can_add_notes(case: Case, user: Any, other_user: Any, reader: Any) -> None:
    notes.add_note(case, author=reader, text="A reader.")
    with pytest.raises(CaseForbidden):
        notes.add_note(case, author=other_user, text="A stranger.")
    assign(case, to=Assignee(user=other_user), actor=user)
    notes.add_note(case, author=other_user, text="An assignee.")
    assert CaseNote.objects.count() == 2


@pytest.mark.parametrize(("text", "code"), [("  \n", "empty_note"), ("x" * 4001, "note_too_long")])
def test_invalid_notes(text: str, code: str, case: Case, user: Any) -> None:
    with pytest.raises(CaseRefused) as error:
        notes.add_note(case, author=user, text=text)
    assert error.value.code == code


def test_labels_are_small_sorted_and_replaced(case: Case, user: Any) -> None:
    assert notes.set_labels(case, labels=["Follow  Up", "teaching", "TEACHING", " "], actor=user) == [
        "follow up", "teaching"
    ]  # fmt: skip
    assert notes.set_labels(case, labels=["teaching", "2nd opinion"], actor=user) == ["2nd opinion", "teaching"]
    assert list(case.labels.values_list("text", flat=True)) == ["2nd opinion", "teaching"]
    notes.set_labels(case, labels=["teaching", "2nd opinion"], actor=user)
    events = AuditEvent.objects.filter(action="case.labeled").order_by("id")
    assert [event.details["labels"] for event in events] == [["follow up", "teaching"], ["2nd opinion", "teaching"]]


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (["<b>"], "invalid_label"),
        (["x" * 33], "invalid_label"),
        (["-a"], "invalid_label"),
        ([f"l{n}" for n in range(13)], "too_many_labels"),
    ],
)
def test_invalid_labels(labels: list[str], code: str, case: Case, user: Any) -> None:
    with pytest.raises(CaseRefused) as error:
        notes.set_labels(case, labels=labels, actor=user)
    assert error.value.code == code


def test_readers_set_no_labels(case: Case, reader: Any) -> None:
    with pytest.raises(CaseForbidden):
        notes.set_labels(case, labels=["seen"], actor=reader)


def test_the_database_takes_no_capital_letters(case: Case) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CaseLabel.objects.create(case=case, text="Teaching")


class TestTwoRequestsAtOnce:
    pytestmark = overlapping

    def test_a_double_click_adds_one_note(self) -> None:
        case = CaseFactory()
        with transaction.atomic():
            first = notes.add_note(case, author=case.owner, text="Compare.")
            meanwhile = Meanwhile(lambda: notes.add_note(case, author=case.owner, text="Compare."))
        assert meanwhile.result() == first
