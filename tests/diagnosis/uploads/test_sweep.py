"""What time removes from upload lists, and that beat does it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from diagnosis.models import UploadPreview, UploadRow
from diagnosis.uploads import sweep
from diagnosis.uploads.tasks import sweep_uploads

pytestmark = pytest.mark.django_db
MOMENT = timedelta(minutes=1)


def row(user: User, **fields: Any) -> UploadRow:
    return UploadRow.objects.create(user=user, key=uuid.uuid4(), **fields)


def test_rows_leave_when_they_were_seen_or_are_old(user: User) -> None:
    now = timezone.now()
    fresh = row(user)
    kept = row(user, created=now - sweep.KEPT_FOR + MOMENT)
    seen = row(user, seen=now - sweep.SEEN_FOR + MOMENT)
    row(user, created=now - sweep.KEPT_FOR - MOMENT)
    row(user, seen=now - sweep.SEEN_FOR - MOMENT)
    sweep.sweep()
    assert set(UploadRow.objects.all()) == {fresh, kept, seen}


def test_an_image_leaves_after_an_hour_and_its_row_stays(user: User) -> None:
    asking = row(user, state="refused", code="lettering", detail="Text.", sha256="0" * 64)
    image = UploadPreview.objects.create(row=asking, data=b"jpeg")
    sweep.sweep()
    assert UploadPreview.objects.exists()
    UploadPreview.objects.filter(pk=image.pk).update(created=timezone.now() - sweep.PREVIEWS_FOR - MOMENT)
    sweep_uploads()
    assert not UploadPreview.objects.exists()
    assert UploadRow.objects.get() == asking


def test_beat_sends_the_sweep_to_the_queue_of_sweeps() -> None:
    assert settings.CELERY_BEAT_SCHEDULE["sweep-uploads"]["task"] == sweep_uploads.name
    route = sweep_uploads.app.amqp.router.route({}, sweep_uploads.name)
    assert route["queue"].name == "sweep"
