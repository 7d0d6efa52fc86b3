"""`record` writes one row of the audit trail; nothing else does.

It takes address and request id from the logging context, which the request middleware fills, so domain code need not
pass the request around.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from django.db.models import Model

from diagnosis.access.users import AnyUser
from diagnosis.models import AuditEvent

SYSTEM = "system"
"""The actor of what the site does by itself."""

RESULT_SHOWN = ("result.viewed", "overlay.downloaded", "dicom.downloaded", "report.downloaded")
"""Actions by which a person sees what the model says of a prediction, which is their target."""


def record(
    action: str,
    *,
    actor: AnyUser | None = None,
    target: Model | None = None,
    **details: Any,
) -> AuditEvent:
    """Append one event.

    action: `object.verb`, such as `scan.uploaded`. details: values that JSON can hold.
    """
    user = actor if actor is not None and actor.pk is not None else None
    return _append(action, user.pk if user else None, user.get_username() if user else "", target, details)


def record_of_site(action: str, *, target: Model, **details: Any) -> AuditEvent:
    """Append one event of what the site did by itself. Its actor is `system`, without an id."""
    return _append(action, None, SYSTEM, target, details)


def _append(action: str, actor_id: int | None, actor: str, target: Model | None, details: dict[str, Any]) -> AuditEvent:
    context = structlog.contextvars.get_contextvars()
    return AuditEvent.objects.create(
        action=action,
        actor_id=actor_id,
        actor=actor[:150],
        target_type=target._meta.model_name or "" if target else "",
        target_id=str(target.pk) if target else "",
        target=str(target)[:255] if target else "",
        address=context.get("ip") or None,
        request_id=str(context.get("request_id", ""))[:64],
        details=_storable(details),
    )


def _storable(value: Any) -> Any:
    """The value without what PostgreSQL's JSON cannot hold: NUL and half surrogates, which a request may bring."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_storable(key): _storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value
