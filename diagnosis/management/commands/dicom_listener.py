"""`manage.py dicom_listener`: take what scanners and archives send by C-STORE, until a signal asks for the end."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from diagnosis.access.users import User
from diagnosis.dicom import allowed_aes
from diagnosis.dicom.errors import Misconfigured
from diagnosis.dicom.store_scp import Listener, Options


class Command(BaseCommand):
    help = "Listen for DICOM C-STORE. DICOM_PORT, DICOM_ALLOWED_AES and DICOM_USER must be set; see docs/dicom.md."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DICOM_PORT:
            raise CommandError("DICOM_PORT is not set, so that there is nothing to listen on.")
        if not User.objects.filter(username=settings.DICOM_USER, is_active=True).exists():
            raise CommandError("DICOM_USER names no active account; it owns the cases that arrive.")
        connections.close_all()
        try:
            chosen = Options(
                title=settings.DICOM_AE_TITLE,
                address=settings.DICOM_BIND,
                port=settings.DICOM_PORT,
                peers=allowed_aes.parse(settings.DICOM_ALLOWED_AES),
                user=settings.DICOM_USER,
                most=settings.MAX_ARCHIVE_MB * 1024 * 1024,
            )
        except Misconfigured as error:
            raise CommandError(error.message) from error
        over = threading.Event()
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, lambda *_: over.set())
        listener = Listener(chosen)
        try:
            port = listener.start()
        except OSError as error:
            raise CommandError(f"DICOM_BIND and DICOM_PORT cannot be listened on: {error.strerror}.") from error
        if not chosen.peers:
            self.stderr.write("DICOM_ALLOWED_AES is empty: every association will be refused.")
        self.stdout.write(f"DICOM listener {chosen.title} on {chosen.address}:{port}")
        over.wait()
        listener.stop()
