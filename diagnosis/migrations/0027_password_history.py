import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import migrations, models
from django.db.models import Q


def keep_current(apps, schema_editor):
    """Each account's present password is the first that may not come back."""
    User = apps.get_model(*settings.AUTH_USER_MODEL.split("."))
    PasswordHistory = apps.get_model("diagnosis", "PasswordHistory")
    usable = User.objects.exclude(Q(password="") | Q(password__startswith=UNUSABLE_PASSWORD_PREFIX))
    hashes = usable.values_list("pk", "password").iterator()
    rows = (PasswordHistory(user_id=user, encoded=encoded) for user, encoded in hashes)
    PasswordHistory.objects.bulk_create(rows, batch_size=500)


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0026_audit_hash_default'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PasswordHistory',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('encoded', models.CharField(help_text='The hash, as the account itself holds it.', max_length=128)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='password_history', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'earlier password',
                'ordering': ('-id',),
                'constraints': [models.CheckConstraint(condition=models.Q(('encoded', ''), _negated=True), name='password_history_has_hash')],
            },
        ),
        migrations.RunPython(keep_current, migrations.RunPython.noop),
    ]
