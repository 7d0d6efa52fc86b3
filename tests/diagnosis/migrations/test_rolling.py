"""While a site is upgraded, processes of the version before still run on the migrated schema: it must take what they do.

They name the columns that they know. So each of these has to be there; what they leave out needs a default in the
database, or may be NULL; and no new rule may refuse what they write. docs/operations.md names the exceptions.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

OLDEST = "0017"
"""The version from which a site can be upgraded while it runs: before it, 0006 to 0014 change columns that it uses."""

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
NEVER = "diagnosis.auditevent"
"""Rows that no version deletes."""

LOADER = MigrationLoader(None)
NAMES = sorted(name for app, name in LOADER.disk_migrations if app == "diagnosis")

HARMLESS = {
    "audit_sealed_whole": "rows of before 0020 have no place in the chain, and the empty hash",
    "second_factor_app_is_whole": "before 0029 every second factor is an app: its seed and step are always written",
}
"""New rules on old tables, and why no earlier version breaks them."""


def state(migration: str) -> ProjectState:
    """The models of all apps as the code of that version has them."""
    return LOADER.project_state(("diagnosis", migration))


def tables(at: ProjectState) -> dict[str, ModelState]:
    found = {model.options.get("db_table") or f"diagnosis_{model.name_lower}": model for model in _own(at)}
    return found


def _own(at: ProjectState) -> Iterator[ModelState]:
    return (model for (app, _), model in at.models.items() if app == "diagnosis")


def columns(model: ModelState) -> dict[str, bool]:
    """The columns that a version's code names; whether it may write NULL there."""
    found = {}
    for name, field in model.fields.items():
        if not field.many_to_many and name != "pk":
            column = field.db_column or (f"{name}_id" if field.remote_field else name)
            found[column] = field.null and not field.generated
    return found


def in_database(table: str) -> dict[str, tuple[bool, bool]]:
    """Each column of a table: whether NULL is allowed, and whether the database fills it in."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT column_name, is_nullable = 'YES', column_default IS NOT NULL OR is_identity = 'YES'"
                " OR is_generated = 'ALWAYS' FROM information_schema.columns WHERE table_name = %s",
                [table],
            )
            return {name: (nullable, filled) for name, nullable, filled in cursor.fetchall()}
        cursor.execute(f"PRAGMA table_xinfo({table})")
        rows = cursor.fetchall()  # number, name, type, not null, default, place in the key, hidden (2, 3: generated)
    return {row[1]: (not row[3], row[4] is not None or row[5] > 0 or row[6] > 1) for row in rows}


def narrowed(earlier: ModelState, now: ModelState) -> Iterator[str]:
    """New rules on what an earlier version writes, and columns of another type."""
    known = {rule.name for rule in earlier.options.get("constraints", ())}
    for rule in now.options.get("constraints", ()):
        if rule.name not in known | HARMLESS.keys():
            yield f"has a new rule, {rule.name}"
    for name in earlier.fields.keys() & now.fields.keys():
        before, after = earlier.fields[name], now.fields[name]
        if not before.remote_field and name != "pk" and before.db_type(connection) != after.db_type(connection):
            yield f"has another type of {name}"
        if after.unique and not before.unique:
            yield f"has to have a {name} of its own"


def faults(earlier: ProjectState, now: ProjectState) -> Iterator[str]:
    """What in the database would break an earlier version's code."""
    new_models = tables(now)
    for table, model in tables(earlier).items():
        there = in_database(table)
        if not there:
            yield f"{table} is gone"
            continue
        for column, may_be_null in columns(model).items():
            if column not in there:
                yield f"{table}.{column} is gone"
            elif may_be_null and not there[column][0]:
                yield f"{table}.{column} refuses NULL"
        for column in there.keys() - columns(model).keys():
            if not any(there[column]):
                yield f"{table}.{column} has no default in the database (db_default)"
        if table in new_models:
            yield from (f"{table} {fault}" for fault in narrowed(model, new_models[table]))


def named_in_docs() -> set[str]:
    """Migrations that the page gives a downtime."""
    section = PAGE.read_text().partition("need the site stopped\n")[2].partition("\n#")[0]
    return set(re.findall(r"^\| `(\d{4})` \|", section, re.MULTILINE))


@pytest.mark.django_db
@pytest.mark.parametrize("before", [name for name in NAMES if name[:4] >= OLDEST])
@pytest.mark.slow
def test_an_earlier_versions_code_works_on_todays_schema(before: str) -> None:
    later = {name[:4] for name in NAMES if name > before}
    if not later & named_in_docs():
        assert list(faults(state(before), state(NAMES[-1]))) == []


@pytest.mark.django_db
@pytest.mark.parametrize("before", ["0005", "0011", "0013"])
def test_what_breaks_an_earlier_version_is_found(before: str) -> None:
    """These versions are known to break; a search that finds nothing there would find nothing anywhere."""
    [name] = [name for name in NAMES if name.startswith(before)]
    expected = {
        "0005": "diagnosis_prediction.owner_id has no default in the database (db_default)",
        "0011": "diagnosis_prediction.standing is gone",
        "0013": "diagnosis_scan.reading has no default in the database (db_default)",
    }[before]
    assert any(fault.startswith(expected) for fault in faults(state(name), state(NAMES[-1])))


def deletions_that_wait() -> dict[str, str]:
    """Models of which an earlier version cannot delete rows, as a later table names them; the newest such migration."""
    found = {}
    for before, after in pairwise(name for name in NAMES if name[:4] >= OLDEST):
        known, earlier, now = set(state(before).models), tables(state(before)), tables(state(after))
        for model in (now[table] for table in now.keys() - earlier.keys()):
            for field in model.fields.values():
                target: Any = field.remote_field.model if field.remote_field else ""  # by name, in such a state
                named: str = target.lower()
                if tuple(named.split(".")) in known:
                    found[named] = after[:4]
    return found


def test_the_page_says_which_deletions_wait_for_the_end_of_an_upgrade() -> None:
    section = PAGE.read_text().partition("| to remove |")[2].partition("\n\n")[0]
    said = dict(re.findall(r"^\| ([^|]+) \| `(\d{4})` \|", section, re.MULTILINE))
    names = {"auth.user": "an account", "diagnosis.secondfactor": "the second factor of somebody with passkeys"}
    assert said == {names[model]: migration for model, migration in deletions_that_wait().items() if model != NEVER}


@pytest.mark.parametrize("name", NAMES)
def test_each_migration_can_be_reversed(name: str) -> None:
    assert all(operation.reversible for operation in LOADER.disk_migrations["diagnosis", name].operations)
