"""New names in Python alone: column and table keep theirs, so that the version before goes on beside this one."""

from django.db import migrations, models

KINDS = [
    ("account", "User name"),
    ("address", "Address"),
    ("code", "User name, with the second factor"),
    ("token_address", "Address, with API tokens"),
]


class Migration(migrations.Migration):
    dependencies = [("diagnosis", "0027_password_history")]

    operations = [
        migrations.AlterModelTable(name="uploadpicture", table="diagnosis_uploadpicture"),
        migrations.RenameModel(old_name="UploadPicture", new_name="UploadPreview"),
        migrations.AlterField(
            model_name="uploadpreview",
            name="row",
            field=models.OneToOneField(
                on_delete=models.CASCADE,
                primary_key=True,
                related_name="preview",
                serialize=False,
                to="diagnosis.uploadrow",
            ),
        ),
        migrations.AlterField(
            model_name="loginfailures",
            name="kind",
            field=models.CharField(choices=KINDS, db_column="kind", max_length=16),
        ),
        migrations.AlterField(
            model_name="case",
            name="simulated",
            field=models.BooleanField(default=False, help_text="Holds made-up images, to try the site with."),
        ),
        migrations.AlterField(
            model_name="prediction",
            name="trained_on",
            field=models.BooleanField(default=False, help_text="The model was trained on this image."),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(model_name="loginfailures", name="login_failures_once"),
                migrations.RenameField(model_name="loginfailures", old_name="kind", new_name="failure_kind"),
                migrations.AddConstraint(
                    model_name="loginfailures",
                    constraint=models.UniqueConstraint(fields=("failure_kind", "key"), name="login_failures_once"),
                ),
            ]
        ),
    ]
