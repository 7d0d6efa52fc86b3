"""Upload handling: the size limit of a file, enforced while its bytes arrive.

An image may have MAX_UPLOAD_MB; a file that may hold many slices, judged by its first bytes, MAX_ARCHIVE_MB.
"""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from diagnosis.intake import free_space
from ml.readers.sniffing import may_hold_many


class SizeLimit(FileUploadHandler):
    """Drops a file as soon as it exceeds its limit; the other files of the request go on.

    The name is noted on the request, where `oversized` finds it. Files of anonymous visitors are never kept: the CSRF
    check reads the whole body before the login is required, so anyone could fill the disk. Without room for an upload
    none is kept either, and `require_room` says so.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        user = getattr(self.request, "user", None)
        if user is not None and not user.is_authenticated:
            raise SkipFile
        if not free_space.status().enough:
            self.request.upload_without_room = True  # type: ignore[union-attr]
            raise SkipFile
        self._received, self._limit = 0, settings.MAX_UPLOAD_MB

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start == 0 and may_hold_many(raw_data):
            self._limit = settings.MAX_ARCHIVE_MB
        self._received += len(raw_data)
        if self._received > self._limit * 1024 * 1024:
            self.request.oversized_uploads = [*oversized(self.request), self.file_name or ""]  # type: ignore[union-attr]
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None  # the next upload handler keeps the file


def require_room(request: Any) -> None:
    """Raises NoRoom if files of this request were dropped because the disk is almost full."""
    if getattr(getattr(request, "_request", request), "upload_without_room", False):
        raise free_space.NoRoom


def oversized(request: Any) -> list[str]:
    """Names of this request's files that were dropped for their size."""
    names: list[str] = getattr(getattr(request, "_request", request), "oversized_uploads", [])
    return names
