"""What every template may know about the site."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from diagnosis.inference import model_versions


def site(request: HttpRequest) -> dict[str, Any]:
    """The variable `site`.

    model: status of the active model, looked up only when a template uses it. max_upload_mb, max_archive_mb: limits
    for one file. archive: whether a DICOM archive is configured. user_is_manager: whether the user may open the admin.
    """
    user = getattr(request, "user", None)
    return {
        "site": {
            "model": SimpleLazyObject(model_versions.status),
            "max_upload_mb": settings.MAX_UPLOAD_MB,
            "max_archive_mb": settings.MAX_ARCHIVE_MB,
            "archive": bool(settings.DICOMWEB_URL),
            "user_is_manager": bool(user and user.is_active and user.is_staff),
        }
    }
