"""Chains the audit trail: rows get a place and a hash, and triggers keep them as they were written.

Rows of before are sealed here, in the order of their ids. The chain can't say what happened to them earlier, so an event
of its own, `audit.chained`, follows them and names the last of them.
"""

import django.db.models.deletion
from django.db import migrations, models

from diagnosis.access import audit_chain
from diagnosis.migrations import _audit_triggers


def chain(apps, schema_editor):
    events = apps.get_model("diagnosis", "AuditEvent").objects
    head, last = audit_chain.Head(), 0
    while rows := list(events.filter(id__gt=last).order_by("id").values_list(*audit_chain.CONTENT)[: audit_chain.BATCH]):
        head, last = audit_chain.write(rows, behind=head), rows[-1][0]
    if last:
        events.create(actor="system", action="audit.chained", details={"rows": head.position, "last": last})


class Migration(migrations.Migration):
    dependencies = [
        ('diagnosis', '0019_golden'),
    ]

    operations = [
        migrations.AddField(
            model_name='auditevent',
            name='hash',
            field=models.CharField(blank=True, default='', editable=False, help_text='SHA-256 over this row and the hash of the row before it.', max_length=64),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='position',
            field=models.BigIntegerField(editable=False, help_text='In the chain, from 1. Empty until the row is sealed.', null=True, unique=True),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['actor', 'id'], name='audit_actor'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(condition=models.Q(('position', None)), fields=['id'], name='audit_unsealed'),
        ),
        migrations.AddConstraint(
            model_name='auditevent',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('hash', ''), ('position', None)), models.Q(('hash__regex', '^[0-9a-f]{64}$'), ('position__gte', 1)), _connector='OR'), name='audit_sealed_whole'),
        ),
        migrations.CreateModel(
            name='Disclosure',
            fields=[
                ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='disclosures', to='diagnosis.auditevent')),
                ('prediction', models.BigIntegerField(help_text='Its id; no foreign key, because the trail outlives it.')),
                ('pk', models.CompositePrimaryKey('prediction', 'event', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
        ),
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.RunPython(_audit_triggers.create, _audit_triggers.drop),
    ]
