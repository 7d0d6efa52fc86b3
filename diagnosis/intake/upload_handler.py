"""Upload handling: the size limit of one file, enforced while its bytes arrive.

A picture may have MAX_UPLOAD_MB. What may hold many slices, told from its first bytes, may have MAX_ARCHIVE_MB.
"""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from ml.readers.sniffing import may_hold_many


class SizeLimit(FileUploadHandler):
    """Drops a file the moment it exceeds its limit; its neighbours in the same request go on.

    The name is noted on the request, where `oversized` finds it. Files of somebody who is not logged in are never kept:
    the check of a form's token reads the whole body before the login is asked for, and would fill the disk.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        user = getattr(self.request, "user", None)
        if user is not None and not user.is_authenticated:
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
        return None  # the handlers after this one keep the file


def oversized(request: Any) -> list[str]:
    """Names of the files of this request that were dropped for their size, as their uploader called them."""
    names: list[str] = getattr(getattr(request, "_request", request), "oversized_uploads", [])
    return names
