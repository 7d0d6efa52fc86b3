"""Triggers that keep what was committed and signed: the database refuses what Python forgot to.

They name no table but their own. SQLite drops them whenever a migration rebuilds `diagnosis_review`, so a migration
that changes a column of it ends with `create` (tests/diagnosis/models/test_review.py notices if one does not).
"""

TABLE = "diagnosis_review"

FIXED = ("id", "scan_id", "reader_id", "created", "amends_id", "reason")
OPINION = (
    "prediction_id", "finding", "tumor_type", "confidence", "comment", "x0", "y0", "x1", "y1", "slice_index",
    "pixel_sha256", "mode", "committed", "revealed",
)  # fmt: skip
SIGNATURE = ("state", "role", "saved", "signed", "signed_by_id", "readings_required", "version")

# Name: event, condition, columns of which none may change under that condition, message.
_RULES = {
    "review_fixed": ("UPDATE", "", FIXED, "a review stays with its scan and its reader"),
    "review_opinion_stays": ("UPDATE", "OLD.state <> 'draft'", OPINION, "a committed review is only amended"),
    "review_signature_stays": ("UPDATE", "OLD.state = 'signed'", SIGNATURE, "a signed review is only amended"),
    "review_amended_once": ("UPDATE", "NOT OLD.current", ("current",), "an amended review is not current again"),
    "review_kept": ("DELETE", "OLD.state <> 'draft' AND NOT OLD.purging", (), "a committed review is kept"),
}


def create(apps, schema_editor):
    """Make each trigger anew."""
    drop(apps, schema_editor)
    postgresql = schema_editor.connection.vendor == "postgresql"
    if postgresql:
        schema_editor.execute(
            "CREATE FUNCTION refuse_review_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation'; END $$",
            params=None,
        )
    differs = "IS DISTINCT FROM" if postgresql else "IS NOT"
    for name, (event, condition, columns, message) in _RULES.items():
        changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)
        when = " AND ".join(filter(None, (condition, changed and f"({changed})")))
        then = f"EXECUTE FUNCTION refuse_review_change('{message}')" if postgresql else f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        schema_editor.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {TABLE} FOR EACH ROW WHEN ({when}) {then}", params=None)


def drop(apps, schema_editor):
    postgresql = schema_editor.connection.vendor == "postgresql"
    for name in _RULES:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}" + (f" ON {TABLE}" if postgresql else ""))
    if postgresql:
        schema_editor.execute("DROP FUNCTION IF EXISTS refuse_review_change()")
