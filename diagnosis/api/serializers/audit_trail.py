"""Events of the audit trail."""

from rest_framework import serializers

from diagnosis.api.serializers.links import link
from diagnosis.models import AuditEvent


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """Who did what with which object, when and from where. `position` and `hash`: in the chain, once it is sealed."""

    url = link("audit-detail")
    details = serializers.JSONField()

    class Meta:
        model = AuditEvent
        fields = (
            "id", "url", "at", "actor", "actor_id", "action", "target_type", "target_id", "target", "address",
            "request_id", "details", "position", "hash",
        )  # fmt: skip
        read_only_fields = fields
