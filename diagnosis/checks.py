"""System checks for settings with which the site starts but does not work."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from diagnosis.access import breached_passwords
from ml.contracts import ModelUnavailable
from ml.inference import registry


@register
def data_folder_is_private(**_: Any) -> list[CheckMessage]:
    """DATA_DIR and an SQLite database are closed to other users of the machine. `make run` closes both by itself."""
    database = settings.DATABASES["default"]
    paths = [Path(settings.DATA_DIR), *([Path(database["NAME"])] if "sqlite" in database["ENGINE"] else [])]
    exposed = [path for path in paths if path.exists() and path.stat().st_mode & 0o077]
    if exposed and any(path.parent.stat().st_mode & 0o077 or path.is_dir() for path in exposed):
        hint = f"chmod go= {' '.join(map(str, exposed))}"
        return [Warning("Other users of this machine can read the site's data.", hint=hint, id="diagnosis.W002")]
    return []


@register
def model_artifact(**_: Any) -> list[CheckMessage]:
    """The artifact that ML_MODEL names, or the shipped one, exists and its files have the right size."""
    try:
        registry.quick_check(registry.read_manifest(settings.ML_MODEL or None))
    except ModelUnavailable as error:
        return [Warning(error.message, hint="The site starts, says so, and predicts nothing.", id="diagnosis.W001")]
    return []


@register
def breached_passwords_file(**_: Any) -> list[CheckMessage]:
    """BREACHED_PASSWORDS_FILE is there, and sorted as the search in it needs."""
    path = settings.BREACHED_PASSWORDS_FILE
    if path and (trouble := breached_passwords.problem_of_file(path)):
        hint = "It has a line `SHA-1:count` for each password, in the order of the hashes (docs/security.md)."
        return [Error(f"BREACHED_PASSWORDS_FILE cannot be used: {trouble}.", hint=hint, id="diagnosis.E001")]
    return []
