"""What every template may know of the site."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from diagnosis.inference import model_versions


def site(request: HttpRequest) -> dict[str, Any]:
    """`site.model` (its status; looked up only when a template asks), `site.max_upload_mb`, `site.max_archive_mb`,
    `site.archive` (whether one is configured), `site.user_is_manager`."""
    user = getattr(request, "user", None)
    return {
        "site": {
            "model": SimpleLazyObject(model_versions.status),
            "max_upload_mb": settings.MAX_UPLOAD_MB,
            "archive": bool(settings.DICOMWEB_URL),
            "max_archive_mb": settings.MAX_ARCHIVE_MB,
            "user_is_manager": bool(user and user.is_active and user.is_staff),
        }
    }
