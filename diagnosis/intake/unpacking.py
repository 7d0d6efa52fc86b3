"""The files of an upload: the file itself, or those inside if it is an archive. None of them is read yet."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from django.conf import settings

from diagnosis.intake.file_names import clean_name
from diagnosis.intake.rejections import too_large
from ml.contracts import UnreadableImage
from ml.readers import archives, sniffing
from ml.readers.packed import BinaryFile

MEGABYTE = 1024 * 1024


class Upload(BinaryFile, Protocol):
    """What intake needs of an uploaded file, positioned at its start. Django's File has it."""

    name: str | None

    @property
    def size(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file before it is read.

    size: bytes of memory that it needs once read. read: its bytes, or why there are none; call it once, before the next
    file is asked for.
    """

    name: str
    size: int
    read: Callable[[], bytes | UnreadableImage]


def unpack(upload: Upload) -> Generator[UnreadFile, None, None]:
    """The files of an upload, one after another.

    Raises UnreadableImage where an archive cannot be unpacked any further; so may reading one of its files.
    """
    name, size = clean_name(upload.name), upload.size or 0
    if size > settings.MAX_ARCHIVE_MB * MEGABYTE:
        yield _refused(name, too_large(settings.MAX_ARCHIVE_MB))
        return
    head = upload.read(archives.HEAD)
    upload.seek(0)
    if not archives.is_archive(head):
        yield _within_limit(UnreadFile(name, size, upload.read), head)
        return
    for member in archives.members(upload):
        yield _within_limit(UnreadFile(clean_name(member.name), member.size, member.read), member.head)


def _within_limit(file: UnreadFile, head: bytes) -> UnreadFile:
    """The file, or its refusal if its format is not read, or if it is too large for a single image.

    head: its first bytes.
    """
    if refused := sniffing.unread(head, size=file.size):
        return _refused(file.name, refused)
    if file.size > settings.MAX_UPLOAD_MB * MEGABYTE and not sniffing.may_hold_many(head):
        return _refused(file.name, too_large(settings.MAX_UPLOAD_MB))
    return file


def _refused(name: str, error: UnreadableImage) -> UnreadFile:
    return UnreadFile(name, 0, lambda: error)
