"""Drops the triggers that earlier versions made after each `migrate` to keep predictions' owners in step.

They stand in the way of migrations: SQLite cannot rebuild a table that a trigger of another table names.
"""

NAMES = ("prediction_follow_case", "prediction_follow_person", "prediction_take_owner")


def drop(apps, schema_editor):
    for name in NAMES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
