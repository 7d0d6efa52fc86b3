"""Who owns a run is what its case and its person say, whoever writes, and after each migration.

The verification suite runs this file again on PostgreSQL, where writers can overlap.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connection, transaction
from django.db.migrations import AlterField, Migration
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

from diagnosis.models import Case, Prediction, Scan, owner_triggers
from tests.factories import PredictionFactory, ScanFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = {one.name for one in owner_triggers.TRIGGERS}
ON_POSTGRESQL = connection.vendor == "postgresql"
overlapping = pytest.mark.skipif(not ON_POSTGRESQL, reason="SQLite has one writer at a time")


@pytest.fixture(autouse=True)
def _whole() -> Iterator[None]:
    """Whatever a test did, the next one finds the database as this version has it."""
    yield
    call_command("migrate", verbosity=0)
    assert not owner_triggers.missing(connection)


def owner_of(run: Prediction) -> tuple[str, str]:
    row = Prediction.objects.select_related("owner").get(pk=run.pk)
    return row.owner.username, row.owner_name


def assert_they_work() -> None:
    """Each of the three does what it is there for."""
    run, heir = PredictionFactory(), UserFactory()
    Case.objects.filter(pk=run.scan.case_id).update(owner=heir)
    assert owner_of(run) == (heir.username, heir.username)
    User.objects.filter(pk=heir.pk).update(username="renamed")
    assert owner_of(run) == ("renamed", "renamed")
    again = PredictionFactory(scan=Scan.objects.get(pk=run.scan_id), state="failed")
    assert owner_of(again) == ("renamed", "renamed")
    heir.refresh_from_db()
    heir.username = f"{heir.username}-{run.pk}"
    heir.save()  # whole, as a form does
    assert owner_of(run) == (heir.username, heir.username)


def migrate_column(model: type[Model], name: str) -> None:
    """Migrations make a column longer, and shorter again: on SQLite each time in a table that is made anew."""
    field: Any = model._meta.get_field(name)
    longer = field.clone()
    longer.max_length += 1
    steps = []
    for step in (longer, field):
        migration = Migration("0010_altered", model._meta.app_label)
        migration.operations = [AlterField(str(model._meta.model_name), name, step)]
        steps.append(migration)
    state = MigrationLoader(connection).project_state()
    plan = [(migration, False) for migration in steps]
    emit_pre_migrate_signal(0, False, "default", plan=plan)
    for migration in steps:
        with connection.schema_editor() as editor:
            state = migration.apply(state, editor)
    emit_post_migrate_signal(0, False, "default", plan=plan)


def standing() -> set[str]:
    return NAMES & set(owner_triggers._standing(connection))


ALTERED = [(Case, "reference"), (Prediction, "error_code"), (User, "username"), (Scan, "name")]


@pytest.mark.parametrize(("model", "column"), ALTERED, ids=lambda value: getattr(value, "__name__", value))
def test_a_migration_of_any_table_leaves_them_standing(model: type[Model], column: str) -> None:
    kept = PredictionFactory()
    before = owner_of(kept)
    migrate_column(model, column)
    assert standing() == NAMES
    assert owner_of(kept) == before
    assert_they_work()


def test_what_was_written_meanwhile_is_put_right() -> None:
    """A site may answer while it is migrated."""
    run, heir = PredictionFactory(), UserFactory()
    owner_triggers._take_away(connection, owner_triggers.TRIGGERS)
    Case.objects.filter(pk=run.scan.case_id).update(owner=heir)
    assert owner_of(run)[0] != heir.username
    call_command("migrate", verbosity=0)
    assert owner_of(run) == (heir.username, heir.username)
    assert_they_work()


def test_there_and_back_past_the_columns() -> None:
    run = PredictionFactory()
    before = owner_of(run)
    call_command("migrate", "diagnosis", "0008", verbosity=0)
    assert standing() == set()
    call_command("check", databases=["default"], fail_level="WARNING")
    assert run_checks(databases=["default"], tags=["database"]) == []
    call_command("migrate", "auth", verbosity=0)  # another app alone
    assert standing() == set()
    call_command("migrate", verbosity=0)
    assert standing() == NAMES
    assert owner_of(run) == before
    assert_they_work()


@pytest.mark.parametrize("options", [{"plan": True}, {"check_unapplied": True}, {}], ids=str)
def test_a_migrate_that_has_nothing_to_do_touches_none(
    options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner_triggers, "_take_away", lambda *_: 1 / 0)
    monkeypatch.setattr(owner_triggers, "_make", lambda *_: 1 / 0)
    call_command("migrate", verbosity=0, **options)
    assert standing() == NAMES


def test_an_emptied_database_keeps_them() -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert_they_work()


OF_0009 = """UPDATE diagnosis_prediction SET owner_name = NEW.username WHERE owner_id = NEW.id;"""


def test_those_of_an_earlier_version_are_replaced_and_stand_in_no_ones_way() -> None:
    owner_triggers._take_away(connection, owner_triggers.TRIGGERS)
    with connection.cursor() as cursor:
        name, event = "prediction_follow_person", "AFTER UPDATE OF username ON auth_user FOR EACH ROW"
        if ON_POSTGRESQL:
            function = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
            cursor.execute(f"{function} AS $$ BEGIN {OF_0009} RETURN NULL; END $$")
            cursor.execute(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION {name}()")
        else:
            cursor.execute(f"CREATE TRIGGER {name} {event} BEGIN {OF_0009} END")
    assert {one.name for one in owner_triggers.missing(connection)} == NAMES
    migrate_column(User, "username")
    assert not owner_triggers.missing(connection)
    assert_they_work()


def test_the_check_names_what_is_missing() -> None:
    call_command("check", databases=["default"], fail_level="WARNING")
    assert run_checks(databases=["default"], tags=["database"]) == []
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER prediction_follow_case{' ON diagnosis_case' if ON_POSTGRESQL else ''}")
    [said] = run_checks(databases=["default"], tags=["database"])
    assert said.id == "diagnosis.W002"
    assert "prediction_follow_case." in said.msg and "prediction_follow_person" not in said.msg


def test_a_run_begins_with_the_owner_of_now() -> None:
    """Not with the one who was read before: a run is written after its file was decoded and stored."""
    scan, heir = ScanFactory(), UserFactory()
    assert scan.case.owner != heir
    Case.objects.filter(pk=scan.case_id).update(owner=heir)
    User.objects.filter(pk=heir.pk).update(username="renamed")
    runs = [PredictionFactory(scan=scan, state="failed")]
    runs += Prediction.objects.bulk_create(
        [Prediction.for_scan(scan, requested_by=heir, queued=run.queued) for run in runs]
    )
    assert [owner_of(run) for run in runs] == [("renamed", "renamed")] * 2


def meanwhile(work: Callable[[], Any]) -> threading.Thread:
    """Starts `work` on a connection of its own. It has to wait for the transaction of the test."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    return thread


@overlapping
def test_a_case_changes_hands_while_a_run_begins() -> None:
    scan, heir = ScanFactory(), UserFactory()
    with transaction.atomic():
        run = PredictionFactory(scan=scan)
        other = meanwhile(lambda: Case.objects.filter(pk=scan.case_id).update(owner=heir))
    other.join()
    assert owner_of(run) == (heir.username, heir.username)


@overlapping
def test_a_run_begins_while_its_case_changes_hands() -> None:
    scan, heir = ScanFactory(), UserFactory()
    runs: list[Prediction] = []
    with transaction.atomic():
        Case.objects.filter(pk=scan.case_id).update(owner=heir)
        other = meanwhile(lambda: runs.append(PredictionFactory(scan=scan)))
    other.join()
    assert owner_of(runs[0]) == (heir.username, heir.username)


@overlapping
def test_a_person_is_renamed_while_a_run_begins() -> None:
    scan = ScanFactory()
    with transaction.atomic():
        run = PredictionFactory(scan=scan)
        other = meanwhile(lambda: User.objects.filter(pk=scan.case.owner_id).update(username="renamed"))
    other.join()
    assert owner_of(run) == ("renamed", "renamed")


@overlapping
def test_a_run_begins_while_its_owner_is_renamed() -> None:
    scan = ScanFactory()
    runs: list[Prediction] = []
    with transaction.atomic():
        User.objects.filter(pk=scan.case.owner_id).update(username="renamed")
        other = meanwhile(lambda: runs.append(PredictionFactory(scan=scan)))
    other.join()
    assert owner_of(runs[0]) == ("renamed", "renamed")


@overlapping
@pytest.mark.parametrize("renamed_first", [True, False])
def test_a_person_is_renamed_while_a_case_becomes_theirs(renamed_first: bool) -> None:
    run, heir = PredictionFactory(), UserFactory()

    def rename() -> None:
        User.objects.filter(pk=heir.pk).update(username="renamed")

    def hand_over() -> None:
        Case.objects.filter(pk=run.scan.case_id).update(owner=heir)

    first, second = (rename, hand_over) if renamed_first else (hand_over, rename)
    with transaction.atomic():
        first()
        other = meanwhile(second)
    other.join()
    assert owner_of(run) == ("renamed", "renamed")


@overlapping
def test_a_log_in_or_an_upload_does_not_wait_for_a_run_that_begins() -> None:
    scan = ScanFactory()

    def log_in() -> None:
        person = User.objects.get(pk=scan.case.owner_id)
        person.last_login = person.date_joined
        person.save(update_fields=["last_login"])
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=person.pk)

    with transaction.atomic():
        PredictionFactory(scan=scan)
        thread = threading.Thread(target=lambda: (log_in(), connection.close()))
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
