"""Removes old rows and previews from upload lists."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from diagnosis.models import UploadPreview, UploadRow

SEEN_FOR = timedelta(hours=12)
"""How long a row stays once the list has shown its result: until the end of the working day."""

KEPT_FOR = timedelta(days=7)
"""How long any row stays, a file that was never sent included."""

PREVIEWS_FOR = timedelta(hours=1)
"""How long an image that may show a name is kept for its uploader to look at."""


def sweep() -> None:
    """Delete rows that were seen or are old, and images whose question nobody answered."""
    now = timezone.now()
    UploadPreview.objects.filter(created__lt=now - PREVIEWS_FOR).delete()
    UploadRow.objects.filter(Q(seen__lt=now - SEEN_FOR) | Q(created__lt=now - KEPT_FOR)).delete()
