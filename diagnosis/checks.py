"""System checks: things that start but would not work."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

from diagnosis.models import owner_triggers as triggers
from ml.contracts import ModelUnavailable
from ml.inference import registry


@register
def model_artifact(**_: Any) -> list[CheckMessage]:
    """The artifact that the environment names, or the shipped one, is there in its right size."""
    try:
        registry.quick_check(registry.read_manifest(settings.ML_MODEL or None))
    except ModelUnavailable as error:
        return [Warning(error.message, hint="The site starts, says so, and predicts nothing.", id="diagnosis.W001")]
    return []


@register(Tags.database)
def owner_triggers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """What decides who sees a result follows its case. `check --database default` asks, and so does `migrate`."""
    away = sorted({one.name for alias in databases or () for one in triggers.missing(connections[alias])})
    if not away:
        return []
    return [
        Warning(
            f"The database lacks triggers as this version needs them: {', '.join(away)}. A case that changes hands "
            "may stay in its former owner's worklist.",
            hint="`manage.py migrate` makes them, and puts right what went wrong without them.",
            id="diagnosis.W002",
        )
    ]
