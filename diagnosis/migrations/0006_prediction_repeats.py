from django.conf import settings
from django.db import migrations, models
from django.db.models.deletion import PROTECT
from django.utils import timezone


def created():
    return models.DateTimeField(default=timezone.now, editable=False)


class Migration(migrations.Migration):
    """What the worklist filters and sorts by comes into its own rows; the next one fills it in."""

    dependencies = [("diagnosis", "0005_series"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AlterField("case", "created", created()),
        migrations.AlterField("scan", "created", created()),
        migrations.AlterField("prediction", "created", created()),
        migrations.AddField(
            "prediction",
            "owner",
            models.ForeignKey(
                settings.AUTH_USER_MODEL,
                on_delete=PROTECT,
                related_name="+",
                db_index=False,
                null=True,
                help_text="The case's.",
            ),
        ),
        migrations.AddField(
            "prediction", "case_reference", models.CharField(max_length=64, default=""), preserve_default=False
        ),
        migrations.AddField(
            "prediction", "scan_name", models.CharField(max_length=255, default=""), preserve_default=False
        ),
    ]
