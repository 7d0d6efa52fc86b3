"""The group whose members see everybody's cases. Admins put people into it."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAME = "reader"


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("auth", "Group").objects.get_or_create(name=NAME)


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    # Going back leaves the group: it may have members that the migration did not put there.
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
