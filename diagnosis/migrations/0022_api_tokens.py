"""API tokens by their hashes. The keys of the old table stay valid: their hashes move, and the keys themselves go."""

import hashlib

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def move_tokens(apps, schema_editor):
    """Each old key becomes a token with every scope and no end, as it had. Its plain text is overwritten and removed."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if "authtoken_token" not in connection.introspection.table_names(cursor):
            return
        cursor.execute("SELECT key, user_id FROM authtoken_token")
        Token = apps.get_model("diagnosis", "ApiToken")
        Token.objects.bulk_create(
            Token(user_id=user, name="command line", digest=hashlib.sha256(key.encode()).hexdigest(), hint=key[:4],
                  scopes=["read", "upload", "review", "change"], created=django.utils.timezone.now())
            for key, user in cursor.fetchall()
        )
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA secure_delete = ON")  # else the keys would stay readable in the file's free pages
        cursor.execute("DELETE FROM authtoken_token")


class Migration(migrations.Migration):

    dependencies = [
        ('diagnosis', '0021_storage_quota'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text="What it is for, in its owner's words.", max_length=60)),
                ('digest', models.CharField(help_text='SHA-256 of the key, in hexadecimal.', max_length=64, unique=True)),
                ('hint', models.CharField(help_text="The key's first characters, to tell tokens apart.", max_length=4)),
                ('scopes', models.JSONField(default=list)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('expires', models.DateTimeField(blank=True, help_text='Empty: never.', null=True)),
                ('last_used', models.DateTimeField(blank=True, help_text='To within five minutes.', null=True)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API token',
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(fields=('user', 'name'), name='api_token_name_once_per_user'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='api_token_has_name'), models.CheckConstraint(condition=models.Q(('scopes', []), _negated=True), name='api_token_allows_something'), models.CheckConstraint(condition=models.Q(('expires', None), ('expires__gt', models.F('created')), _connector='OR'), name='api_token_expires_later')],
            },
        ),
        # Backwards the table of old keys is empty: a hash leads to no key, so scripts need new tokens.
        migrations.RunPython(move_tokens, migrations.RunPython.noop),
    ]
