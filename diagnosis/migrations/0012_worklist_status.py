from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Renames `standing`, and drops four indexes without which no view of the worklist is slower."""

    dependencies = [("diagnosis", "0011_drop_owner_triggers"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.RemoveIndex("prediction", "prediction_outcome"),
        migrations.RemoveIndex("prediction", "prediction_state"),
        migrations.RemoveIndex("prediction", "prediction_model"),
        migrations.RemoveIndex("prediction", "prediction_uncertain"),
        migrations.RemoveIndex("prediction", "prediction_owner_standing"),
        migrations.RemoveIndex("prediction", "prediction_standing"),
        migrations.RenameField("prediction", "standing", "worklist_status"),
        migrations.AddIndex(
            "prediction", models.Index(fields=["owner", "worklist_status", "id"], name="prediction_owner_status")
        ),
        migrations.AddIndex(
            "prediction",
            models.Index(
                fields=["worklist_status", "model_version", "id"], include=("searched",), name="prediction_status"
            ),
        ),
    ]
