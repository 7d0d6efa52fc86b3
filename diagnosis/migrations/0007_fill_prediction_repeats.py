from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    scans = apps.get_model("diagnosis", "Scan").objects.filter(pk=OuterRef("scan_id"))
    apps.get_model("diagnosis", "Prediction").objects.update(
        owner_id=Subquery(scans.values("case__owner_id")[:1]),
        case_reference=Subquery(scans.values("case__reference")[:1]),
        scan_name=Subquery(scans.values("name")[:1]),
    )


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0006_prediction_repeats")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
