"""System checks: things that start but would not work."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from ml import registry
from ml.contracts import ModelUnavailable


@register
def model_artifact(**_: Any) -> list[CheckMessage]:
    """The artifact that the environment names, or the shipped one, is there in its right size."""
    try:
        registry.quick_check(registry.read_manifest(settings.ML_MODEL or None))
    except ModelUnavailable as error:
        return [Warning(error.message, hint="The site starts, says so, and predicts nothing.", id="diagnosis.W001")]
    return []
