import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

from diagnosis.migrations import _owner_triggers

OLD = ("scan_name", "case_reference", "owner_name")


def drop_old(apps, schema_editor):
    """First, as each new column writes the table anew, and all its indexes with it."""
    if schema_editor.connection.vendor == "postgresql":
        for column in OLD:
            schema_editor.execute(f"DROP INDEX IF EXISTS prediction_{column}_text")


def make_old(apps, schema_editor):
    if _has_trigrams(schema_editor):
        for column in OLD:
            schema_editor.execute(
                f"CREATE INDEX prediction_{column}_text ON diagnosis_prediction USING gin (upper({column}::text) gin_trgm_ops)"
            )


def make_new(apps, schema_editor):
    """One instead of three. What was written last waits in a list that each search goes through, so that is short."""
    if _has_trigrams(schema_editor):
        schema_editor.execute(
            "CREATE INDEX prediction_searched_text ON diagnosis_prediction "
            "USING gin (upper(searched) gin_trgm_ops) WITH (gin_pending_list_limit = 64)"
        )


def drop_new(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS prediction_searched_text")


def _has_trigrams(schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return False
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        return cursor.fetchone() is not None


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0009_follow_owner'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(_owner_triggers.drop, migrations.RunPython.noop),
        migrations.RunPython(drop_old, make_old),
        migrations.AddField(
            model_name='prediction',
            name='searched',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.functions.text.Concat('case_reference', models.Value('\n'), 'scan_name', models.Value('\n'), 'owner_name'), help_text='What a search looks through. PostgreSQL has an index of its trigrams.', output_field=models.TextField()),
        ),
        migrations.AddField(
            model_name='prediction',
            name='standing',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(state__in=('queued', 'running'), then=models.Value('active')), models.When(state__in=('failed', 'canceled'), then=models.Value('failed')), models.When(then=models.Value('uncertain'), uncertain=True), default=models.F('outcome')), output_field=models.CharField(choices=[('active', 'In progress'), ('tumor', 'Tumor'), ('uncertain', 'Uncertain'), ('no_tumor', 'No tumor'), ('refused', 'Refused'), ('failed', 'Failed')], max_length=10)),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'standing', 'id'], name='prediction_owner_standing'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['standing', 'model_version', 'id'], include=('searched',), name='prediction_standing'),
        ),
        migrations.RunPython(make_new, drop_new),
    ]
