"""`record` writes one row of the audit trail; nothing else does.

Where the request came from is taken from the logging context that the request middleware fills, so domain code need
not carry the request around.
"""

from typing import Any

import structlog
from django.db.models import Model

from diagnosis.access.users import AnyUser
from diagnosis.models import AuditEvent


def record(
    action: str,
    *,
    actor: AnyUser | None = None,
    target: Model | None = None,
    **details: Any,
) -> AuditEvent:
    """Append one event. `action` is `object.verb`, such as `scan.uploaded`; `details` must be JSON-ready."""
    context = structlog.contextvars.get_contextvars()
    known = actor is not None and actor.pk is not None
    return AuditEvent.objects.create(
        action=action,
        actor_id=actor.pk if known and actor else None,
        actor=actor.get_username()[:150] if known and actor else "",
        target_type=target._meta.model_name or "" if target else "",
        target_id=str(target.pk) if target else "",
        target=str(target)[:255] if target else "",
        address=context.get("ip") or None,
        request_id=str(context.get("request_id", ""))[:64],
        details=details,
    )
