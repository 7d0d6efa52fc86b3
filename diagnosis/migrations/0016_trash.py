
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    """The trash, notes and labels of cases, and files that wait for their deletion."""

    dependencies = [
        ('diagnosis', '0015_desk'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CaseLabel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(db_index=True, max_length=32, validators=[django.core.validators.RegexValidator('\\A[a-z0-9](?:[a-z0-9 ._-]{0,30}[a-z0-9])?\\Z', 'A label has 1 to 32 letters, digits, spaces, dots, dashes or underscores, and starts and ends with a letter or digit. Use a topic, never a name.', code='invalid_label')])),
            ],
            options={
                'ordering': ('text',),
            },
        ),
        migrations.CreateModel(
            name='CaseNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('author_name', models.CharField(max_length=150)),
                ('text', models.TextField(max_length=4000)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='DiscardedFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='In the storage.', max_length=100, unique=True)),
            ],
        ),
        migrations.AddField(
            model_name='case',
            name='deleted',
            field=models.DateTimeField(blank=True, editable=False, help_text='Since when it is in the trash.', null=True),
        ),
        migrations.AddField(
            model_name='case',
            name='deleted_by',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='prediction',
            name='in_trash',
            field=models.BooleanField(default=False, help_text='Its scan or case is in the trash.'),
        ),
        migrations.AddField(
            model_name='scan',
            name='deleted',
            field=models.DateTimeField(blank=True, editable=False, help_text='Since when it is in the trash, alone and not with its case.', null=True),
        ),
        migrations.AddField(
            model_name='scan',
            name='deleted_by',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='prediction',
            name='requested_by',
            field=models.ForeignKey(help_text='None once the account is gone; the audit trail keeps the name.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='predictions', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('deleted__isnull', False)), fields=['deleted'], name='case_in_trash'),
        ),
        migrations.AddIndex(
            model_name='scan',
            index=models.Index(condition=models.Q(('deleted__isnull', False)), fields=['deleted'], name='scan_in_trash'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.CheckConstraint(condition=models.Q(('deleted__isnull', False), ('deleted_by__isnull', True), _connector='OR'), name='case_deleted_by_with_time'),
        ),
        migrations.AddConstraint(
            model_name='scan',
            constraint=models.CheckConstraint(condition=models.Q(('deleted__isnull', False), ('deleted_by__isnull', True), _connector='OR'), name='scan_deleted_by_with_time'),
        ),
        migrations.AddField(
            model_name='caselabel',
            name='case',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='diagnosis.case'),
        ),
        migrations.AddField(
            model_name='casenote',
            name='author',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='casenote',
            name='case',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='diagnosis.case'),
        ),
        migrations.AddConstraint(
            model_name='caselabel',
            constraint=models.UniqueConstraint(fields=('case', 'text'), name='case_label_once'),
        ),
        migrations.AddConstraint(
            model_name='caselabel',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('text', ''), _negated=True), ('text', django.db.models.functions.text.Lower('text'))), name='case_label_in_small_letters'),
        ),
        migrations.AddConstraint(
            model_name='casenote',
            constraint=models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='case_note_not_empty'),
        ),
    ]
