import secrets
from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def keep_recovery_codes(apps: Any, editor: Any) -> None:
    """Before passkeys there was an app, always: who has none gets one that nobody holds, so their password alone still
    opens nothing, and their recovery codes go on."""
    for factor in apps.get_model("diagnosis", "SecondFactor").objects.filter(seed=""):
        factor.seed, factor.last_step = secrets.token_hex(32), 0
        factor.save()


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0028_plain_names'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='secondfactor', name='second_factor_has_seed'),
        migrations.AlterField(
            model_name='secondfactor',
            name='last_step',
            field=models.BigIntegerField(blank=True, help_text='Time step of the last code taken; no code is taken twice.', null=True),
        ),
        migrations.AlterField(
            model_name='secondfactor',
            name='seed',
            field=models.CharField(blank=True, default='', help_text="The app's secret follows from it and SECRET_KEY.", max_length=64),
        ),
        migrations.AddConstraint(
            model_name='secondfactor',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('last_step', None), ('seed', '')), models.Q(models.Q(('seed', ''), _negated=True), ('last_step__isnull', False)), _connector='OR'), name='second_factor_app_is_whole'),
        ),
        migrations.RunPython(migrations.RunPython.noop, keep_recovery_codes),
        migrations.CreateModel(
            name='Passkey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='As its owner calls it.', max_length=60)),
                ('host', models.CharField(help_text="The site's host name when it was made: it works there alone.", max_length=253)),
                ('credential_id', models.CharField(help_text='In base64url; 1023 bytes at most.', max_length=1364, unique=True)),
                ('credential', models.BinaryField(help_text='Kind of authenticator, id and public key, as WebAuthn packs them.')),
                ('user_handle', models.CharField(help_text='Random bytes in base64url, by which its owner is known to the authenticator.', max_length=86)),
                ('sign_count', models.BigIntegerField(default=0, help_text='Of the last use; many passkeys always say 0.')),
                ('last_challenge', models.CharField(blank=True, default='', help_text='That of the last use; no answer is taken twice.', max_length=86)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used', models.DateTimeField(blank=True, null=True)),
                ('factor', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='passkeys', to='diagnosis.secondfactor')),
            ],
            options={
                'ordering': ('created', 'pk'),
                'constraints': [
                    models.UniqueConstraint(fields=('factor', 'name'), name='passkey_name_once'),
                    models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='passkey_has_name'),
                    models.CheckConstraint(condition=models.Q(('sign_count__gte', 0)), name='passkey_counts_up'),
                ],
            },
        ),
    ]
