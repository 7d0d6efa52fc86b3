from django.db import migrations, models

from diagnosis.migrations import _audit_triggers


class Migration(migrations.Migration):
    """Processes of a version before 0020 add rows without a hash. While a site is upgraded they still run."""

    dependencies = [('diagnosis', '0025_login_session')]

    operations = [
        migrations.RunPython(_audit_triggers.drop, _audit_triggers.create),
        migrations.AlterField(
            model_name='auditevent',
            name='hash',
            field=models.CharField(blank=True, db_default='', default='', editable=False, help_text='SHA-256 over this row and the hash of the row before it.', max_length=64),
        ),
        migrations.RunPython(_audit_triggers.create, _audit_triggers.drop),
    ]
