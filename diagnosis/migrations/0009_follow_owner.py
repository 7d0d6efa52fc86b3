from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Func, OuterRef, Subquery

OF_CASE = "UPDATE diagnosis_prediction SET owner_id = NEW.owner_id, owner_name = (SELECT username FROM auth_user WHERE id = NEW.owner_id) WHERE scan_id IN (SELECT id FROM diagnosis_scan WHERE case_id = NEW.id);"
OF_PERSON = "UPDATE diagnosis_prediction SET owner_name = NEW.username WHERE owner_id = NEW.id;"
TRIGGERS = (("prediction_follow_case", "diagnosis_case", "owner_id", OF_CASE), ("prediction_follow_person", "auth_user", "username", OF_PERSON))


def fill(apps, schema_editor):
    people = apps.get_model("auth", "User").objects.filter(pk=OuterRef("owner_id"))
    apps.get_model("diagnosis", "Prediction").objects.update(owner_name=Subquery(people.values("username")[:1]))


def make_triggers(apps, schema_editor):
    """A run's owner follows its case's, and its owner's name the person's, whoever changes them and how."""
    for name, table, column, action in TRIGGERS:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {action} RETURN NULL; END $$")
            what = f"WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION {name}()"
        else:
            what = f"WHEN OLD.{column} IS NOT NEW.{column} BEGIN {action} END"
        schema_editor.execute(f"CREATE TRIGGER {name} AFTER UPDATE OF {column} ON {table} FOR EACH ROW {what}")


def drop_triggers(apps, schema_editor):
    for name, *_ in TRIGGERS:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")


def make_text_index(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone() is None:
            return
    schema_editor.execute("CREATE INDEX prediction_owner_name_text ON diagnosis_prediction USING gin (upper(owner_name::text) gin_trgm_ops)")


def drop_text_index(apps, schema_editor):
    schema_editor.execute("DROP INDEX IF EXISTS prediction_owner_name_text")


def score_or(instead):
    return Func(F("tumor_probability"), output_field=models.FloatField(), template=f"COALESCE(%(expressions)s, {instead})")


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0008_worklist_indexes"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddField("prediction", "owner_name", models.CharField(max_length=150, default=""), preserve_default=False),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex("prediction", models.Index(fields=["owner_name", "id"], name="prediction_by_owner")),
        migrations.AddIndex("prediction", models.Index(F("outcome"), score_or("2.0"), F("id"), name="prediction_outcome_up")),
        migrations.AddIndex("prediction", models.Index(F("outcome"), score_or("-1.0"), F("id"), name="prediction_outcome_down")),
        migrations.RunPython(make_triggers, drop_triggers),
        migrations.RunPython(make_text_index, drop_text_index),
    ]
