import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from diagnosis.migrations import _review_triggers


class Migration(migrations.Migration):
    """Reviews, the reading policies of groups, and how far people are with a scan."""

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('diagnosis', '0013_slice_facts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReadingPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mode', models.CharField(choices=[('open', "Open: the model's result is shown at once"), ('blind_first', 'Blind first: hidden until the reader has committed an opinion')], default='open', max_length=11)),
                ('readings', models.PositiveSmallIntegerField(choices=[(1, 'One'), (2, 'Two, by different people')], default=1, help_text='Signed readings that a scan needs.')),
                ('group', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='reading_policy', to='auth.group')),
            ],
            options={
                'verbose_name_plural': 'reading policies',
                'constraints': [
                    models.CheckConstraint(condition=models.Q(('mode__in', ['open', 'blind_first'])), name='reading_policy_mode_known'),
                    models.CheckConstraint(condition=models.Q(('readings__in', (1, 2))), name='reading_policy_readings_1_or_2'),
                ],
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('reader', 'Reader'), ('second', 'Second reader'), ('adjudication', 'Adjudicator')], default='reader', max_length=12)),
                ('mode', models.CharField(choices=[('open', "Open: the model's result is shown at once"), ('blind_first', 'Blind first: hidden until the reader has committed an opinion')], max_length=11)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('committed', 'Committed'), ('signed', 'Signed')], default='draft', max_length=9)),
                ('finding', models.CharField(blank=True, choices=[('tumor', 'Tumor'), ('no_tumor', 'No tumor'), ('cannot_tell', "Can't tell")], default='', max_length=11)),
                ('tumor_type', models.CharField(blank=True, default='', help_text='As the model names types.', max_length=20)),
                ('confidence', models.CharField(blank=True, choices=[('low', 'Low'), ('medium', 'Medium'), ('high', 'High')], default='', max_length=6)),
                ('comment', models.TextField(blank=True, default='', validators=[django.core.validators.MaxLengthValidator(4000)])),
                ('x0', models.FloatField(blank=True, help_text='Left edge, 0 to 1.', null=True)),
                ('y0', models.FloatField(blank=True, help_text='Upper edge, 0 to 1.', null=True)),
                ('x1', models.FloatField(blank=True, help_text='Right edge of a box, 0 to 1.', null=True)),
                ('y1', models.FloatField(blank=True, help_text='Lower edge of a box, 0 to 1.', null=True)),
                ('slice_index', models.PositiveIntegerField(blank=True, help_text='Of a series, from 0.', null=True)),
                ('pixel_sha256', models.CharField(help_text="Of the scan's pixels as they were read.", max_length=64)),
                ('created', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('saved', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('committed', models.DateTimeField(blank=True, null=True)),
                ('revealed', models.DateTimeField(blank=True, null=True)),
                ('signed', models.DateTimeField(blank=True, null=True)),
                ('readings_required', models.PositiveSmallIntegerField(default=1, help_text="How many signed readings the reader's policy asked for.")),
                ('reason', models.TextField(blank=True, default='', help_text='Why it was amended.')),
                ('current', models.BooleanField(default=True, help_text='Not amended by a later one.')),
                ('purging', models.BooleanField(default=False, help_text='About to be deleted for good, together with its scan.')),
                ('version', models.PositiveIntegerField(default=1, help_text='Grows with each change, so that a stale page shows.')),
                ('amends', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='amended_by', to='diagnosis.review')),
                ('prediction', models.ForeignKey(blank=True, help_text='The run beside which it was made.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='diagnosis.prediction')),
                ('reader', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to=settings.AUTH_USER_MODEL)),
                ('scan', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='diagnosis.scan')),
                ('signed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [
                    models.Index(fields=['pixel_sha256', 'reader'], name='review_pixels_reader'),
                ],
                'constraints': [
                    models.UniqueConstraint(condition=models.Q(('current', True)), fields=('scan', 'reader'), name='review_one_current_per_reader'),
                    models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'committed', 'signed'])), name='review_state_known'),
                    models.CheckConstraint(condition=models.Q(('role__in', ['reader', 'second', 'adjudication'])), name='review_role_known'),
                    models.CheckConstraint(condition=models.Q(('mode__in', ['open', 'blind_first'])), name='review_mode_known'),
                    models.CheckConstraint(condition=models.Q(('finding__in', ('', 'tumor', 'no_tumor', 'cannot_tell'))), name='review_finding_known'),
                    models.CheckConstraint(condition=models.Q(('confidence__in', ('', 'low', 'medium', 'high'))), name='review_confidence_known'),
                    models.CheckConstraint(condition=models.Q(('tumor_type', ''), ('finding', 'tumor'), _connector='OR'), name='review_type_needs_a_tumor'),
                    models.CheckConstraint(condition=models.Q(models.Q(('committed__isnull', True), ('state', 'draft')), models.Q(models.Q(('state', 'draft'), _negated=True), ('committed__isnull', False), models.Q(('finding', ''), _negated=True)), _connector='OR'), name='review_committed_has_finding'),
                    models.CheckConstraint(condition=models.Q(models.Q(('signed__isnull', False), ('signed_by__isnull', False), ('state', 'signed')), models.Q(models.Q(('state', 'signed'), _negated=True), ('signed__isnull', True), ('signed_by__isnull', True)), _connector='OR'), name='review_signed_has_who_and_when'),
                    models.CheckConstraint(condition=models.Q(('signed_by__isnull', True), ('signed_by', models.F('reader')), _connector='OR'), name='review_signed_by_its_reader'),
                    models.CheckConstraint(condition=models.Q(models.Q(('mode', 'blind_first'), ('state', 'draft'), _negated=True), ('revealed__isnull', True), _connector='OR'), name='review_blind_until_committed'),
                    models.CheckConstraint(condition=models.Q(models.Q(('amends__isnull', True), ('reason', '')), models.Q(('amends__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='review_amendment_has_reason'),
                    models.CheckConstraint(condition=models.Q(('current', True), models.Q(('state', 'draft'), _negated=True), _connector='OR'), name='review_draft_is_current'),
                    models.CheckConstraint(condition=models.Q(('readings_required__in', (1, 2))), name='review_readings_1_or_2'),
                    models.CheckConstraint(condition=models.Q(django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('comment'), 4000), django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('reason'), 4000)), name='review_texts_not_too_long'),
                    models.CheckConstraint(condition=models.Q(models.Q(('x0__isnull', True), ('y0__isnull', True), ('x1__isnull', True), ('y1__isnull', True)), models.Q(('x0__isnull', False), ('x1__isnull', True), ('y0__isnull', False), ('y1__isnull', True), ('x0__gte', 0.0), ('x0__lte', 1.0), ('y0__gte', 0.0), ('y0__lte', 1.0)), models.Q(('x0__isnull', False), ('y0__isnull', False), ('x1__isnull', False), ('y1__isnull', False), ('x0__gte', 0.0), ('x1__gt', models.F('x0')), ('x1__lte', 1.0), ('y0__gte', 0.0), ('y1__gt', models.F('y0')), ('y1__lte', 1.0)), _connector='OR'), name='review_place_is_point_or_box'),
                    models.CheckConstraint(condition=models.Q(('pixel_sha256__regex', '^[0-9a-f]{64}$')), name='review_digest_is_sha256'),
                ],
            },
        ),
        migrations.AddField(
            model_name='scan',
            name='reading',
            field=models.CharField(choices=[('unread', 'Unread'), ('read', 'Read'), ('signed', 'Signed'), ('disagreement', 'Disagreement')], default='unread', editable=False, help_text='Follows from its reviews; kept here so that the worklist can filter and sort by it.', max_length=12),
        ),
        migrations.AddIndex(
            model_name='scan',
            index=models.Index(fields=['reading'], name='scan_reading'),
        ),
        migrations.AddConstraint(
            model_name='scan',
            constraint=models.CheckConstraint(condition=models.Q(('reading__in', ['unread', 'read', 'signed', 'disagreement'])), name='scan_reading_known'),
        ),
        migrations.RunPython(_review_triggers.create, _review_triggers.drop),
    ]
