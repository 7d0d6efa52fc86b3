"""ZIP archives. Their list of files is read first, and checked before anything is unpacked."""

import io
import zipfile
from collections.abc import Generator
from contextlib import closing

from ml.contracts import UnreadableImage
from ml.readers.archives import limits
from ml.readers.archives.documents import document
from ml.readers.archives.member import HEAD, Member, MemberDamaged, begin, refuse_by_name
from ml.readers.archives.zip_streams import Bounded, open_entry
from ml.readers.packed import BinaryFile, Stream
from ml.readers.unread import refusal

_LOCAL_HEADER = 30
"""Bytes before a file's contents, at least."""
_END_RECORD = 22 + 0xFFFF
"""Bytes of the record at the end and of the longest comment after it."""
_METHODS_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_OTHER_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 97: "WavPack", 98: "PPMd"}
"""Compression methods (APPNOTE.TXT, 4.4.5). Windows Explorer takes Deflate64 for files of more than 2 GB."""


def members(file: BinaryFile) -> Generator[Member, None, None]:
    """Every file of the archive. Raises UnreadableImage."""
    start = file.read(HEAD)
    archive = _open(file)
    with archive:
        entries = archive.infolist()
        if refused := document(start, "\n".join(entry.filename for entry in entries).encode("utf-8", "replace")):
            raise refused
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
    end = _end_record(file)
    if end is None:
        raise UnreadableImage(
            "archive_damaged",
            "The ZIP archive ends without its list of files: it is cut off, or one part of several. Upload it whole.",
        )
    if 0 < int.from_bytes(end[4:6], "little") < 0xFFFF:  # ZIP64 has the number elsewhere
        raise refusal("archive_split", "the last part of a ZIP archive that was split")
    try:
        return zipfile.ZipFile(Bounded(file, most=limits.MAX_LIST, check=_check_list))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise UnreadableImage("archive_damaged", "The ZIP archive is damaged: it cannot be listed.") from error


def _end_record(file: BinaryFile) -> bytes | None:
    """The end of central directory record (APPNOTE.TXT, 4.3.16), with which the archive ends, but for a comment."""
    file.seek(0, io.SEEK_END)
    file.seek(max(file.tell() - _END_RECORD, 0))
    tail = file.read(_END_RECORD)
    at = tail.rfind(b"PK\x05\x06")
    return tail[at:] if at >= 0 else None


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
        return UnreadableImage(
            "archive_encrypted", "This file of the archive is encrypted. Pack it again without a password."
        )
    if entry.compress_type not in _METHODS_READ:
        return UnreadableImage(
            "archive_method",
            "This file of the archive is not damaged, but packed with "
            f"{_OTHER_METHODS.get(entry.compress_type, 'an unusual method')} (ZIP compression method "
            f"{entry.compress_type}), which is not read. Pack it again with Deflate, the usual method, or as tar.gz.",
        )
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
