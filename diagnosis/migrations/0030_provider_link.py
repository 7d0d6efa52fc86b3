import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0029_passkey'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ProviderLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issuer', models.CharField(help_text="The provider's address, as it calls itself.", max_length=255)),
                ('subject', models.CharField(help_text="The person's id at the provider.", max_length=255)),
                ('called', models.CharField(blank=True, help_text='What the provider called the person last.', max_length=150)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='provider_links', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'single sign-on link',
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(fields=('user', 'issuer'), name='provider_link_once_per_user'), models.UniqueConstraint(fields=('issuer', 'subject'), name='provider_link_once_per_subject'), models.CheckConstraint(condition=models.Q(models.Q(('issuer', ''), _negated=True), models.Q(('subject', ''), _negated=True)), name='provider_link_names_somebody')],
            },
        ),
    ]
