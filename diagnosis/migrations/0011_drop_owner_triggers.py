from django.db import migrations
from django.db.models import F, OuterRef, Subquery

from diagnosis.migrations import _owner_triggers


def correct_owners(apps, schema_editor):
    """While a trigger was missing, an owner may have gone stale."""
    Prediction = apps.get_model("diagnosis", "Prediction")
    stale = Prediction.objects.exclude(owner=F("scan__case__owner"), owner_name=F("scan__case__owner__username"))
    scans = apps.get_model("diagnosis", "Scan").objects.filter(pk=OuterRef("scan_id"))
    Prediction.objects.filter(pk__in=stale.order_by().values("pk")).update(
        owner_id=Subquery(scans.values("case__owner_id")[:1]),
        owner_name=Subquery(scans.values("case__owner__username")[:1]),
    )


class Migration(migrations.Migration):
    """`diagnosis.access.ownership` keeps owner and owner_name from now on.

    Backwards nothing is made here: the version before makes its triggers whenever it runs `migrate`.
    """

    dependencies = [("diagnosis", "0010_standing_and_search")]

    operations = [
        migrations.RunPython(_owner_triggers.drop, migrations.RunPython.noop),
        migrations.RunPython(correct_owners, migrations.RunPython.noop),
    ]
