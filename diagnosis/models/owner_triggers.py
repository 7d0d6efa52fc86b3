"""Triggers of the database that keep a run's owner, and the owner's name, as its case and its person say.

Visibility is decided by these two columns of the run's row, so they must hold whoever writes, and however. SQLite
changes a table by building another in its place, which takes its triggers away and fails over those of other tables
that name it. PostgreSQL alters no column that a trigger's definition names, so there they are named in functions only.
So they belong to no migration: where one is to run they are taken away before, as far as they would stand in its way,
and after each `migrate` those that do not stand as they are written here are made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE, COLUMN = "diagnosis_prediction", "owner_name"
"""What has to be there before any of them can stand."""

RIGHT_OWNERS = """UPDATE diagnosis_prediction SET owner_id = person.id, owner_name = person.username
FROM diagnosis_scan scan
JOIN diagnosis_case opened ON opened.id = scan.case_id
JOIN auth_user person ON person.id = opened.owner_id
WHERE scan.id = diagnosis_prediction.scan_id
AND (diagnosis_prediction.owner_id <> person.id OR diagnosis_prediction.owner_name <> person.username)"""
"""Puts right what is wrong in all rows. A trigger does so in the few that it may concern."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """After a row of `table` is inserted, or gets another value in `column`; `concerned` says which runs to look at.

    locks: what PostgreSQL holds first. A case that changes hands, or a person who is renamed, has to wait for whoever
    has read them, or would not see the row that is being written. KEY SHARE is enough for that, and stops nobody
    else: owner and username each are part of a unique index.
    """

    name: str
    table: str
    concerned: str
    column: str = ""
    locks: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        return f"{RIGHT_OWNERS} AND {self.concerned};"

    @property
    def changed(self) -> str:
        return f"OLD.{self.column} <> NEW.{self.column}"

    @property
    def body(self) -> str:
        """Of the function that PostgreSQL calls."""
        held = [f"PERFORM 1 FROM {lock} FOR KEY SHARE;" for lock in self.locks]
        steps = "\n".join((*held, self.action))
        return f"BEGIN\n{f'IF {self.changed} THEN {steps} END IF;' if self.column else steps}\nRETURN NULL;\nEND"

    @property
    def head(self) -> str:
        event = "UPDATE" if self.column else "INSERT"
        return f"TRIGGER {self.name} AFTER {event} ON {self.table} FOR EACH ROW"

    @property
    def in_sqlite(self) -> str:
        when = f" WHEN {self.changed}" if self.column else ""
        return f"CREATE {self.head}{when} BEGIN\n{self.action}\nEND"


_CASE = "SELECT case_id FROM diagnosis_scan WHERE id = NEW.scan_id"
_OWNER = """SELECT owner_id FROM diagnosis_case opened
JOIN diagnosis_scan scan ON scan.case_id = opened.id WHERE scan.id = NEW.scan_id"""

TRIGGERS = (
    Trigger(
        "prediction_follow_case",
        table="diagnosis_case",
        column="owner_id",
        concerned="opened.id = NEW.id",
        locks=("auth_user WHERE id = NEW.owner_id",),
    ),
    Trigger("prediction_follow_person", table="auth_user", column="username", concerned="person.id = NEW.id"),
    Trigger(
        "prediction_take_owner",
        table=TABLE,
        concerned=f"{TABLE}.id = NEW.id",
        locks=(f"diagnosis_case WHERE id = ({_CASE})", f"auth_user WHERE id = ({_OWNER})"),
    ),
)


def missing(connection: BaseDatabaseWrapper) -> list[Trigger]:
    """Those that do not stand as they are written here; none while there is no column that they could write."""
    if not _has_column(connection):
        return []
    standing = _standing(connection)
    return [one for one in TRIGGERS if standing.get(one.name) != _text(one, connection)]


def before_migrate(*, using: str, plan: Sequence[Any] = (), **_: Any) -> None:
    """A receiver of pre_migrate."""
    connection = connections[using]
    if plan:
        _take_away(connection, TRIGGERS if connection.vendor == "sqlite" else missing(connection))


def after_migrate(*, using: str, **_: Any) -> None:
    """A receiver of post_migrate. While a trigger was away somebody may have written, so all rows are looked at."""
    connection = connections[using]
    if not _has_column(connection):
        _take_away(connection, TRIGGERS)
        return
    if away := missing(connection):
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for one in away:
                _make(one, connection, cursor)
            cursor.execute(RIGHT_OWNERS)


def _has_column(connection: BaseDatabaseWrapper) -> bool:
    """A migration backwards, or one of another app on an empty database, ends without it."""
    introspection = connection.introspection
    with connection.cursor() as cursor:
        if TABLE not in introspection.table_names(cursor):
            return False
        return COLUMN in {column.name for column in introspection.get_table_description(cursor, TABLE)}


def _text(trigger: Trigger, connection: BaseDatabaseWrapper) -> str:
    """What the database keeps of it."""
    return trigger.body if connection.vendor == "postgresql" else trigger.in_sqlite


def _standing(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """The text of each trigger there is, by its name."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
                "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND pg_table_is_visible(tgrelid)"
            )
        else:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return dict(cursor.fetchall())


def _make(trigger: Trigger, connection: BaseDatabaseWrapper, cursor: Any) -> None:
    if connection.vendor == "postgresql":
        function = f"CREATE OR REPLACE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql"
        cursor.execute(f"{function} AS $${trigger.body}$$")
        cursor.execute(f"CREATE OR REPLACE {trigger.head} EXECUTE FUNCTION {trigger.name}()")
    else:
        cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name}")
        cursor.execute(trigger.in_sqlite)


def _take_away(connection: BaseDatabaseWrapper, which: Iterable[Trigger]) -> None:
    with connection.cursor() as cursor:
        for one in which:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP FUNCTION IF EXISTS {one.name}() CASCADE")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {one.name}")
