"""`record` writes one row of the audit trail; nothing else does.

It takes address and request id from the logging context, which the request middleware fills, so domain code need not
pass the request around.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Model

from diagnosis.access import viewing
from diagnosis.access.users import AnyUser
from diagnosis.models import AuditEvent, Disclosure, Prediction

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
    if action in RESULT_SHOWN and isinstance(target, Prediction):
        viewing.recorded(target.pk)
    return _append(action, user.pk if user else None, user.get_username() if user else "", target, details)


def record_disclosure(
    action: str,
    *,
    actor: AnyUser,
    predictions: Iterable[int],
    target: Model | None = None,
    details: Mapping[str, Any],
) -> AuditEvent:
    """Append one event that showed a person the results of these predictions (ids)."""
    ids = sorted(set(predictions))
    with transaction.atomic(savepoint=False):
        event = _append(action, actor.pk, actor.get_username(), target, {**details, **_listed(ids)})
        Disclosure.objects.bulk_create([Disclosure(event=event, prediction=one) for one in ids], batch_size=1000)
    return event


def record_of_site(action: str, *, target: Model, **details: Any) -> AuditEvent:
    """Append one event without a person: something that the site did. Its actor is `system`, without an id."""
    return _append(action, None, SYSTEM, target, details)


def record_refusal(action: str, *, actor: AnyUser, target_type: str, target_id: str, **details: Any) -> AuditEvent:
    """Append one event about a request that was refused. The target is what was asked for; it may not exist."""
    return _write(action, actor.pk, actor.get_username(), (target_type, target_id, ""), details)


def address() -> str | None:
    """Where the request comes from, as the middleware found it; None outside of requests."""
    return structlog.contextvars.get_contextvars().get("ip") or None


def _append(action: str, actor_id: int | None, actor: str, target: Model | None, details: dict[str, Any]) -> AuditEvent:
    named = (target._meta.model_name or "", str(target.pk), str(target)) if target else ("", "", "")
    return _write(action, actor_id, actor, named, details)


def _write(
    action: str, actor_id: int | None, actor: str, target: tuple[str, str, str], details: dict[str, Any]
) -> AuditEvent:
    """target: its type, id and name."""
    context = structlog.contextvars.get_contextvars()
    target_type, target_id, name = target
    return AuditEvent.objects.create(
        action=action,
        actor_id=actor_id,
        actor=actor[:150],
        target_type=target_type[:40],
        target_id=target_id[:64],
        target=name[:255],
        address=address(),
        request_id=str(context.get("request_id", ""))[:64],
        details=_storable(details),
    )


def _listed(ids: list[int]) -> dict[str, str]:
    """Ids as `3, 7-12`: a list of thousands takes a few lines."""
    runs = [list(run) for _, run in groupby(enumerate(ids), key=lambda one: one[1] - one[0])]
    parts = [str(run[0][1]) if len(run) == 1 else f"{run[0][1]}-{run[-1][1]}" for run in runs]
    return {"predictions": ", ".join(parts)} if parts else {}


def _storable(value: Any) -> Any:
    """The value without what PostgreSQL's JSON cannot hold: NUL and half surrogates, which a request may bring."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_storable(key): _storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value
