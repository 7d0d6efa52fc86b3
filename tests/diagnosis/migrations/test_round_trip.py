"""A database with rows of every kind goes back migration by migration to the first, and forward again.

After each step what that version knows is as it was, and at the end what the first one knew. The rest is lost on the
way back, and docs/operations.md says so. It holds on PostgreSQL, too: DATABASE_URL=… pytest FILE.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import AutoField, Field, Model
from django.utils import timezone

from diagnosis.access import audit_chain
from diagnosis.models.embedding import BYTES
from tests.diagnosis.api.rows import every_kind
from tests.diagnosis.migrations import test_rolling
from tests.diagnosis.migrations.test_rolling import LOADER, NAMES

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
PLAIN: dict[str, Any] = {
    "BigIntegerField": 1,
    "BinaryField": bytes(BYTES),
    "CharField": "text",
    "DateTimeField": timezone.now(),
    "JSONField": ["read"],
    "PositiveIntegerField": 1,
    "TextField": "text",
    "UUIDField": "6c1f0f0e-0000-4000-8000-000000000001",
}
"""A value for each type of field that has to have one."""

SPECIAL: dict[tuple[str, str], Any] = {
    ("heartbeat", "role"): "worker",
    ("secondfactor", "seed"): "5eed",
    ("secondfactor", "last_step"): 1,
    ("worklistpreference", "page_size"): 50,
}

FILLED = {"owner_id", "owner_name", "case_reference", "scan_name"}
"""Columns of predictions that 0007 and 0009 fill in from case and scan."""

GENERATED = {"standing", "worklist_status", "listed_type", "searched"}

Rows = list[tuple[Any, ...]]


def add_one(model: type[Model]) -> None:
    """A row of a model that has none, with the least that it needs."""
    values = {field: value for (name, field), value in SPECIAL.items() if name == model._meta.model_name}
    for field in model._meta.local_concrete_fields:
        if not isinstance(field, Field) or field.name in {"pk", *values} or field.has_default():
            continue
        if field.null or field.generated or isinstance(field, AutoField):
            continue
        if field.remote_field:
            values[field.name] = field.related_model._default_manager.first()  # type: ignore[union-attr]
        elif not getattr(field, "auto_now_add", False):
            values[field.name] = PLAIN[field.get_internal_type()]
    model._default_manager.create(**values)


def fill() -> None:
    """Rows in every table of the app, in every state of a prediction and of a review."""
    Group.objects.get_or_create(name="reader")  # a test before this one may have emptied the tables
    every_kind()
    empty = [model for model in apps.get_app_config("diagnosis").get_models() if not model._default_manager.exists()]
    for model in sorted(empty, key=lambda model: model.__name__, reverse=True):  # a second factor before its passkey
        add_one(model)
    audit_chain.seal()


def tables() -> list[str]:
    with connection.cursor() as cursor:
        return [name for name in connection.introspection.table_names(cursor) if name.startswith("diagnosis_")]


def snapshot(table: str) -> tuple[list[str], Rows]:
    """A table's columns and rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        columns = [column[0] for column in cursor.description or ()]
        return columns, [_plain(row) for row in cursor.fetchall()]


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else str(value) for value in row)


def only(columns: list[str], table: tuple[list[str], Rows]) -> list[tuple[Any, ...]]:
    """The rows of a table reduced to some of its columns, in an order that depends on nothing else."""
    places = [table[0].index(column) for column in columns]
    return sorted((tuple(row[place] for place in places) for row in table[1]), key=repr)


@pytest.fixture
def restored() -> Iterator[None]:
    yield
    call_command("migrate", "diagnosis", verbosity=0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("restored")
@pytest.mark.slow
def test_what_a_version_knows_survives_going_back_and_forward() -> None:
    fill()
    full = {table: snapshot(table) for table in tables()}
    assert [table for table, (_, rows) in full.items() if not rows] == []

    def compare(action: str, migration: Any = None, fake: bool | None = False) -> None:
        """After each migration that was reversed."""
        if action == "unapply_success":
            for table in set(tables()) & full.keys():
                now = snapshot(table)
                columns = [column for column in full[table][0] if column in now[0]]
                assert only(columns, now) == only(columns, full[table]), f"reversed, {migration} changes {table}"

    MigrationExecutor(connection, compare).migrate([("diagnosis", NAMES[0])])
    first = {table: snapshot(table) for table in tables()}
    assert {"diagnosis_scan", "diagnosis_prediction", "diagnosis_auditevent"} <= first.keys()
    MigrationExecutor(connection).migrate([("diagnosis", NAMES[-1])])
    for table, (known, _) in first.items():
        columns = [column for column in full[table][0] if column in {*known, *FILLED, *GENERATED}]
        before, now = only(columns, full[table]), only(columns, snapshot(table))
        added = [row for row in now if row not in before]  # by the chain: one row that says that it begins
        assert [row for row in before if row not in now] == [], f"{table} has lost some of {columns}"
        assert len(added) <= (table == "diagnosis_auditevent"), added
    assert not audit_chain.verify().broken


def lost_before(name: str) -> list[str]:
    """What goes when a migration is reversed: tables, and columns that no later step fills in again."""
    before = test_rolling.tables(LOADER.project_state(("diagnosis", name), at_end=False))
    after = test_rolling.tables(test_rolling.state(name))
    lost = sorted(after.keys() - before.keys())
    for table in after.keys() & before.keys():
        added = test_rolling.columns(after[table]).keys() - test_rolling.columns(before[table]).keys()
        lost += [f"{table}.{column}" for column in added - FILLED - GENERATED]
    return lost


@pytest.mark.parametrize("name", [name for name in NAMES if name[:4] > "0001"])
def test_what_going_back_loses_is_in_the_docs(name: str) -> None:
    section = PAGE.read_text().partition("what is lost\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \|", section, re.MULTILINE)
    named = set(re.findall(r"\d{4}", " ".join(rows)))
    assert (name[:4] in named) == bool(lost_before(name)), lost_before(name)
