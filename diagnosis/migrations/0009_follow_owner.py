from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Func, OuterRef, Subquery


def fill(apps, schema_editor):
    people = apps.get_model("auth", "User").objects.filter(pk=OuterRef("owner_id"))
    apps.get_model("diagnosis", "Prediction").objects.update(owner_name=Subquery(people.values("username")[:1]))


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
    """Triggers kept owner and owner_name up to date when this was written; 0010 and 0011 drop them (see _owner_triggers.py)."""

    dependencies = [("diagnosis", "0008_worklist_indexes"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddField("prediction", "owner_name", models.CharField(max_length=150, default=""), preserve_default=False),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex("prediction", models.Index(fields=["owner_name", "id"], name="prediction_by_owner")),
        migrations.AddIndex("prediction", models.Index(F("outcome"), score_or("2.0"), F("id"), name="prediction_outcome_up")),
        migrations.AddIndex("prediction", models.Index(F("outcome"), score_or("-1.0"), F("id"), name="prediction_outcome_down")),
        migrations.RunPython(make_text_index, drop_text_index),
    ]
