"""`manage.py dicom_listener`: receive from scanners and archives by C-STORE until SIGINT or SIGTERM."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from diagnosis.access.users import User
from diagnosis.dicom import allowed_aes
from diagnosis.dicom.errors import Misconfigured
from diagnosis.dicom.store_scp import StoreScp, StoreScpOptions


class Command(BaseCommand):
    help = "Listen for DICOM C-STORE. DICOM_PORT, DICOM_ALLOWED_AES and DICOM_USER must be set; see docs/dicom.md."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DICOM_PORT:
            raise CommandError("DICOM_PORT is not set, so there is no port to listen on.")
        if not User.objects.filter(username=settings.DICOM_USER, is_active=True).exists():
            raise CommandError("DICOM_USER is not an active account; the cases that arrive need an owner.")
        connections.close_all()
        try:
            scp_options = StoreScpOptions(
                title=settings.DICOM_AE_TITLE,
                address=settings.DICOM_BIND,
                port=settings.DICOM_PORT,
                allowed=allowed_aes.parse(settings.DICOM_ALLOWED_AES),
                username=settings.DICOM_USER,
                max_object_bytes=settings.MAX_ARCHIVE_MB * 1024 * 1024,
            )
        except Misconfigured as error:
            raise CommandError(error.message) from error
        stop = threading.Event()
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, lambda *_: stop.set())
        listener = StoreScp(scp_options)
        try:
            port = listener.start()
        except OSError as error:
            raise CommandError(f"DICOM_BIND and DICOM_PORT cannot be listened on: {error.strerror}.") from error
        if not scp_options.allowed:
            self.stderr.write("DICOM_ALLOWED_AES is empty: every association will be refused.")
        self.stdout.write(f"DICOM listener {scp_options.title} on {scp_options.address}:{port}")
        stop.wait()
        listener.stop()
