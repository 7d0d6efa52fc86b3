import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0024_second_factor'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LoginSession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session_key', models.CharField(help_text="Of Django's session.", max_length=40, unique=True)),
                ('browser', models.CharField(blank=True, help_text='What the browser said of itself.', max_length=200)),
                ('address', models.GenericIPAddressField(blank=True, help_text='From where it was last used.', null=True)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used', models.DateTimeField(default=django.utils.timezone.now, help_text='To within a minute.')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='login_sessions', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-last_used', '-id'),
            },
        ),
    ]
