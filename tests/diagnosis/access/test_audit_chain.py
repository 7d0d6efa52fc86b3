"""The chain of the audit trail: what it shows, and that the database keeps the rows. Runs on PostgreSQL, too."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from diagnosis.access import audit, audit_chain
from diagnosis.access.audit_chain import Head
from diagnosis.migrations import _audit_triggers
from diagnosis.models import AuditEvent, Disclosure
from tests.factories import UserFactory
from tests.overlapping import Beside

pytestmark = pytest.mark.django_db(transaction=True)


def written(count: int = 6) -> list[int]:
    """That many sealed rows; their ids."""
    user = UserFactory()
    rows = [
        audit.record("case.opened", actor=user, target=user, number=n, part=n / 3, text="ä\u2028") for n in range(count)
    ]
    assert audit_chain.seal() == count
    return [row.pk for row in rows]


def tamper(*statements: str) -> None:
    """What somebody does who has the database itself, and no triggers to stop them."""
    with connection.schema_editor() as editor:
        _audit_triggers.drop(None, editor)  # type: ignore[no-untyped-call]
        for statement in statements:
            editor.execute(statement, params=None)
        _audit_triggers.create(None, editor)  # type: ignore[no-untyped-call]


def raw() -> "QuerySet[AuditEvent]":
    """The rows without the model's own refusals."""
    return QuerySet(AuditEvent)


def test_a_chain_is_whole() -> None:
    ids = written()
    verdict = audit_chain.verify()
    assert (verdict.sealed, verdict.unsealed, verdict.broken) == (6, 0, "")
    assert verdict.head == audit_chain.head()
    assert verdict.head.position == 6
    assert list(AuditEvent.objects.order_by("position").values_list("pk", flat=True)) == ids


def test_rows_are_unsealed_until_the_beat() -> None:
    written(2)
    audit.record("case.opened")
    assert audit_chain.verify().unsealed == 1
    assert audit_chain.seal() == 1
    assert audit_chain.seal() == 0
    assert (audit_chain.verify().sealed, audit_chain.verify().unsealed) == (3, 0)


def test_batches_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "BATCH", 2)
    written(5)
    assert audit_chain.verify().sealed == 5


SET = "UPDATE diagnosis_auditevent SET "
BREAKS = {
    "edited": (SET + "actor = 'someone' WHERE position = 3", "position 3,"),
    "details edited": (SET + "details = '{}' WHERE position = 3", "position 3,"),
    "its hash, too": (SET + f"actor = 'x', hash = '{'0' * 64}' WHERE position = 3", "position 3,"),
    "deleted": ("DELETE FROM diagnosis_auditevent WHERE position = 3", "position 3: missing"),
    "several deleted": ("DELETE FROM diagnosis_auditevent WHERE position IN (3, 4)", "positions 3 to 4: missing"),
    "first deleted": ("DELETE FROM diagnosis_auditevent WHERE position = 1", "position 1: missing"),
    "deleted, gap closed": (
        "DELETE FROM diagnosis_auditevent WHERE position = 3; " + SET + "position = 3 WHERE position = 6",
        "position 3,",
    ),
    "inserted": (
        SET + "position = position + 100 WHERE position > 2; " + SET + "position = position - 99 WHERE position > 2; "
        "INSERT INTO diagnosis_auditevent (at, actor, action, target_type, target_id, target, request_id, details, "
        "position, hash) SELECT at, actor, 'x.y', target_type, target_id, target, request_id, details, 3, hash "
        "FROM diagnosis_auditevent WHERE position = 2",
        "position 3,",
    ),
    "reordered": (
        SET + "position = 99 WHERE position = 3; " + SET + "position = 3 WHERE position = 4; " + SET
        + "position = 4 WHERE position = 99",
        "position 3,",
    ),
}  # fmt: skip


@pytest.mark.attack("audit")
@pytest.mark.parametrize("how", BREAKS)
def test_the_first_broken_row_is_named(how: str) -> None:
    statements, where = BREAKS[how]
    written()
    tamper(*statements.split("; "))
    verdict = audit_chain.verify()
    assert verdict.broken.startswith(where)
    assert verdict.sealed == int(where.split()[1].rstrip(",:")) - 1
    with pytest.raises(CommandError, match=where):
        call_command("audit_verify")


@pytest.mark.attack("audit")
def test_a_row_sealed_anew_breaks_the_one_behind_it() -> None:
    written()
    tamper(SET + "actor = 'someone' WHERE position = 3")
    content = AuditEvent.objects.values_list(*audit_chain.CONTENT).get(position=3)
    before = Head(2, AuditEvent.objects.get(position=2).hash)
    tamper(SET + f"hash = '{audit_chain.row_hash(before, content)}' WHERE position = 3")
    assert audit_chain.verify().broken.startswith("position 4,")


CUT = "DELETE FROM diagnosis_auditevent WHERE position > 4"


@pytest.mark.attack("audit")
def test_a_cut_off_end_contradicts_the_noted_head() -> None:
    written()
    known = audit_chain.head()
    tamper(CUT)
    assert audit_chain.verify().broken == ""  # a chain alone cannot know that it was longer
    assert audit_chain.verify(known=[known]).broken == "position 6: the chain ends at 4, its end was cut off"


@pytest.mark.attack("audit")
def test_a_rewritten_end_contradicts_the_noted_head(capsys: pytest.CaptureFixture[str]) -> None:
    written()
    call_command("audit_verify", "--head")
    known = capsys.readouterr().out.strip()
    tamper(CUT)
    audit.record("case.opened", number=5)
    audit.record("case.opened", number=6)
    call_command("audit_verify")
    with pytest.raises(CommandError, match=r"position 6, row .*: the row is another than the one that was noted down"):
        call_command("audit_verify", "--known", known)


@pytest.mark.parametrize("text", ["", "6", "6:", "six:" + "0" * 64, "6:" + "g" * 64, "6:" + "0" * 63])
def test_malformed_heads_are_refused(text: str) -> None:
    with pytest.raises(CommandError, match="A head is"):
        call_command("audit_verify", "--known", text)


CHANGES: dict[str, Callable[[], Any]] = {
    "save": lambda: AuditEvent.objects.get(position=1).save(),
    "delete": lambda: AuditEvent.objects.get(position=1).delete(),
    "update": lambda: AuditEvent.objects.update(actor="x"),
    "delete all": lambda: AuditEvent.objects.all().delete(),
    "disclosures": lambda: Disclosure.objects.all().delete(),
}


@pytest.mark.attack("audit")
@pytest.mark.parametrize("how", CHANGES)
def test_the_model_refuses_changes(how: str) -> None:
    written(1)
    with pytest.raises(TypeError, match="append-only"):
        CHANGES[how]()


RAW_CHANGES: dict[str, Callable[[int], Any]] = {
    "sealed": lambda pk: raw().filter(pk=pk).update(position=9),
    "hash": lambda pk: raw().filter(pk=pk).update(hash="0" * 64),
    "content": lambda pk: raw().update(actor="x"),
    "details": lambda pk: raw().update(details={"x": 1}),
    "deletion": lambda pk: raw().filter(pk=pk)._raw_delete("default"),
    "disclosure changed": lambda pk: QuerySet(Disclosure).update(prediction=9),
    "disclosure deleted": lambda pk: QuerySet(Disclosure)._raw_delete("default"),
}


@pytest.mark.attack("audit")
@pytest.mark.parametrize("how", RAW_CHANGES)
def test_the_database_refuses_changes(how: str) -> None:
    [pk] = written(1)
    Disclosure.objects.create(event_id=pk, prediction=1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        RAW_CHANGES[how](pk)
    assert audit_chain.verify().broken == ""


@pytest.mark.attack("audit")
def test_an_unsealed_row_is_kept_too() -> None:
    audit.record("case.opened")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        raw().update(action="case.closed")


def test_every_content_column_is_sealed() -> None:
    columns = {field.column for field in AuditEvent._meta.concrete_fields}
    assert set(audit_chain.CONTENT) == columns - {"position", "hash"} == set(_audit_triggers.CONTENT)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_two_sealers_at_once_make_one_chain() -> None:
    for number in range(200):
        audit.record("case.opened", number=number)
    start = threading.Barrier(4, timeout=10)

    def seal() -> None:
        start.wait()
        audit_chain.seal()

    for one in [Beside(seal) for _ in range(4)]:
        one.result()
    audit_chain.seal()
    verdict = audit_chain.verify()
    assert (verdict.sealed, verdict.unsealed, verdict.broken) == (200, 0, "")


@pytest.mark.slow
def test_the_migration_chains_existing_rows() -> None:
    ids = written(5)
    call_command("migrate", "diagnosis", "0019", verbosity=0)
    call_command("migrate", "diagnosis", verbosity=0)
    audit_chain.seal()
    assert audit_chain.verify().sealed == 6
    begun = AuditEvent.objects.get(action="audit.chained")
    assert (begun.position, begun.details) == (6, {"rows": 5, "last": ids[-1]})
