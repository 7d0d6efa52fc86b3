"""What a person has chosen for the worklist: views under names of their own, and the number of rows on a page."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

PAGE_SIZES = (25, 50, 100)


class SavedView(models.Model):
    """A filter and an order of the worklist under a name. `diagnosis.worklist.saved_views` writes it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views", db_index=False
    )
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1000, blank=True, help_text="As in the worklist's URL, without a page.")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("user", "name"), name="saved_view_name_once_per_user"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_name"),
        )

    def __str__(self) -> str:
        return self.name


class WorklistPreference(models.Model):
    """How many rows of the worklist a person wants on a page. Without a row: the first of PAGE_SIZES."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="worklist_preference")
    page_size = models.PositiveSmallIntegerField(choices=[(size, str(size)) for size in PAGE_SIZES])

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(page_size__in=PAGE_SIZES), name="worklist_page_size_offered"),
        )

    def __str__(self) -> str:
        return f"{self.page_size} rows for {self.user}"
