from django.db import migrations, models
from django.db.models import Count


def blank_repeated_uids(apps, schema_editor):
    """Before a UID is unique in a scan again, all but the first slice with the same one lose it."""
    slices = apps.get_model("diagnosis", "Slice").objects.using(schema_editor.connection.alias)
    repeated = slices.exclude(instance_uid="").values("scan", "instance_uid").annotate(n=Count("pk")).filter(n__gt=1)
    for row in list(repeated):
        same = slices.filter(scan=row["scan"], instance_uid=row["instance_uid"]).order_by("pk")
        slices.filter(pk__in=list(same.values_list("pk", flat=True))[1:]).update(instance_uid="")


class Migration(migrations.Migration):

    dependencies = [
        ("diagnosis", "0012_worklist_status"),
    ]

    operations = [
        migrations.AddField(
            model_name="slice",
            name="facts",
            field=models.JSONField(blank=True, help_text="Where it lies, and what may tell it from slices at the same place.", null=True),
        ),
        migrations.AddField(
            model_name="scan",
            name="frame",
            field=models.PositiveIntegerField(default=0, help_text="Of a single image: its number in the file."),
        ),
        migrations.RemoveConstraint(model_name="slice", name="slice_instance_unique_per_scan"),
        migrations.RunPython(migrations.RunPython.noop, blank_repeated_uids),
    ]
