"""System checks for settings with which the site starts but does not work."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from ml.contracts import ModelUnavailable
from ml.inference import registry


@register
def model_artifact(**_: Any) -> list[CheckMessage]:
    """The artifact that ML_MODEL names, or the shipped one, exists and its files have the right size."""
    try:
        registry.quick_check(registry.read_manifest(settings.ML_MODEL or None))
    except ModelUnavailable as error:
        return [Warning(error.message, hint="The site starts, says so, and predicts nothing.", id="diagnosis.W001")]
    return []
