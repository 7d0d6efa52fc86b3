"""Triggers that keep the audit trail: rows are added, sealed once, and never changed or deleted.

They name no table but their own. SQLite drops them whenever a migration rebuilds such a table, so a migration that changes
a column of one ends with `create` (tests/diagnosis/access/test_audit_chain.py notices if one does not).
"""

EVENTS, DISCLOSURES = "diagnosis_auditevent", "diagnosis_disclosure"

CONTENT = (
    "id", "at", "actor_id", "actor", "action", "target_type", "target_id", "target", "address", "request_id", "details",
)  # fmt: skip

# Name: table, event, the condition under which it is refused; "" for always.
_RULES = {
    "audit_sealed_once": (EVENTS, "UPDATE", "OLD.position IS NOT NULL"),
    "audit_kept_as_written": (EVENTS, "UPDATE", " OR ".join(f"NEW.{column} {{differs}} OLD.{column}" for column in CONTENT)),
    "audit_kept": (EVENTS, "DELETE", ""),
    "disclosure_kept_as_written": (DISCLOSURES, "UPDATE", ""),
    "disclosure_kept": (DISCLOSURES, "DELETE", ""),
}
_MESSAGE = "the audit trail is append-only"


def create(apps, schema_editor):
    """Make each trigger anew."""
    drop(apps, schema_editor)
    postgresql = schema_editor.connection.vendor == "postgresql"
    if postgresql:
        raising = f"RAISE EXCEPTION '{_MESSAGE}' USING ERRCODE = 'check_violation'"
        body = f"RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raising}; END $$"
        schema_editor.execute(f"CREATE FUNCTION refuse_audit_change() {body}", params=None)
        refuse = "EXECUTE FUNCTION refuse_audit_change()"
    else:
        refuse = f"BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END"
    differs = "IS DISTINCT FROM" if postgresql else "IS NOT"
    for name, (table, event, condition) in _RULES.items():
        when = f"WHEN ({condition.format(differs=differs)}) " if condition else ""
        schema_editor.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {when}{refuse}", params=None)


def drop(apps, schema_editor):
    """For the tests, too: a test that commits its rows has to remove them."""
    postgresql = schema_editor.connection.vendor == "postgresql"
    for name, (table, *_) in _RULES.items():
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if postgresql else ""))
    if postgresql:
        schema_editor.execute("DROP FUNCTION IF EXISTS refuse_audit_change()")
