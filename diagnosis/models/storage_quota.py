"""How much one person may store, where that differs from the site's rule."""

from django.conf import settings
from django.db import models


class StorageQuota(models.Model):
    """Counted in the originals of the person's cases, the trash included. Without a row, USER_QUOTA_MB holds."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="storage_quota")
    megabytes = models.PositiveIntegerField(help_text="0: as much as there is room for.")

    def __str__(self) -> str:
        return f"storage quota of {self.user}"
