"""ZIP archives. Their list of files is read first, and checked before anything is unpacked."""

import zipfile
from collections.abc import Generator
from contextlib import closing

from ml.contracts import UnreadableImage
from ml.readers.archives import limits
from ml.readers.archives.member import Member, MemberDamaged, begin, refuse_by_name
from ml.readers.archives.zip_streams import Bounded, open_entry
from ml.readers.packed import BinaryFile, Stream

_LOCAL_HEADER = 30
"""Bytes before a file's contents, at least."""


def members(file: BinaryFile) -> Generator[Member, None, None]:
    """Every file of the archive. Raises UnreadableImage."""
    archive = _open(file)
    with archive:
        entries = archive.infolist()
        _refuse_overlaps(entries)
        for entry in entries:
            if entry.is_dir():
                continue
            if refused := _refuse(entry):
                yield Member(entry.filename, refused=refused)
                continue
            with closing(_LazyStream(archive, entry)) as stream:
                yield begin(entry.filename, size=entry.file_size, read=stream.read)


def _open(file: BinaryFile) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(Bounded(file, most=limits.MAX_LIST, check=_check_list))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise UnreadableImage("archive_damaged", "The ZIP archive is damaged: it cannot be listed.") from error


def _check_list(data: bytes) -> None:
    """Before zipfile makes an object of a thousand bytes from each entry."""
    if data.count(b"PK\x01\x02") > limits.MAX_ENTRIES:
        raise limits.too_many()
    if len(data) > limits.MAX_LIST:
        raise limits.list_too_large()


def _refuse(entry: zipfile.ZipInfo) -> UnreadableImage | None:
    is_link = (entry.external_attr >> 16) & 0o170000 == 0o120000
    if refused := refuse_by_name(entry.filename, linked=is_link):
        return refused
    if entry.flag_bits & 1:
        return UnreadableImage("archive_encrypted", "This file of the archive is encrypted.")
    if entry.file_size > limits.MAX_MEMBER:
        return limits.member_too_large()
    if entry.file_size > max(limits.UNSUSPICIOUS, limits.MAX_RATIO * entry.compress_size):
        return limits.bomb("This file of the archive")
    return None


def _refuse_overlaps(entries: list[zipfile.ZipInfo]) -> None:
    """Entries that share bytes unpack to many times the archive; no program writes them."""
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise limits.bomb("The archive")
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size


class _LazyStream:
    """A file of the archive, opened at its first read. Raises MemberDamaged."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._archive, self._entry = archive, entry
        self._stream: Stream | None = None

    def read(self, size: int) -> bytes:
        try:
            self._stream = self._stream or open_entry(self._archive, self._entry)
            return self._stream.read(size)
        except Exception as error:  # zipfile, zlib, bz2 and lzma each raise their own
            raise MemberDamaged from error

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
