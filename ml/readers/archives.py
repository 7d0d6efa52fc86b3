"""ZIP and tar archives of scans, taken apart member by member, within limits.

Each member is judged alone: one with a bad name, a link or a nested archive is refused with its reason, and the others
go on. Nothing is ever written to a path that a name in an archive says.
"""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ml.contracts import UnreadableImage

MAX_MEMBERS = 5_000
MAX_MEMBER = 512_000_000
"""Bytes of one member, unpacked."""
MAX_TOTAL = 2_000_000_000
"""Bytes of all members, unpacked."""
MAX_ENTRIES = 4 * MAX_MEMBERS
"""Entries of any kind, folders and clutter included."""
MAX_RATIO = 200
"""Most times its packed size that data may unpack to, beyond _UNSUSPICIOUS. Slices pack to a half or a tenth; DEFLATE
reaches 1,032, with nothing but zeros."""
_UNSUSPICIOUS = 16_000_000
"""Bytes that anything may unpack to: a slice of nothing but background is no attack."""
_DICOMDIR = b"\x02\0\x02\0UI\x14\x001.2.840.10008.1.3.10"
"""Its Media Storage SOP Class UID, tag (0002,0002), as every DICOM file begins (PS3.10, 7.1)."""

_SKIPPED = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What operating systems leave in archives; no one means to upload it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive. name: as the archive has it, for a person to recognize; hostile text. data: its bytes, or
    None where `refused` says why it was not unpacked."""

    name: str
    data: bytes | None = None
    refused: UnreadableImage | None = None


def members(data: bytes) -> Iterator[Member]:
    """The files of a ZIP, tar or gzipped tar archive, one after another; one member is held at a time.

    A DICOMDIR, the list of files that comes with every CD of pictures, is passed over as clutter is.

    Raises UnreadableImage with code `archive_damaged`, `archive_bomb`, `archive_too_many` or `archive_too_large`,
    perhaps after some members.
    """
    total, count = 0, 0
    for member in _zipped(data) if data.startswith(b"PK") else _tarred(data):
        if _is_clutter(member.name) or _is_dicomdir(member.data):
            continue
        count += 1
        if count > MAX_MEMBERS:
            raise _too_many()
        total += len(member.data or b"")
        if total > MAX_TOTAL:
            raise UnreadableImage(
                "archive_too_large", f"The archive unpacks to more than {MAX_TOTAL // 1_000_000:,} MB."
            )
        yield member


def is_archive(data: bytes) -> bool:
    """Whether the bytes are a ZIP or a tar archive, also a gzipped one."""
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return True
    head = data[:512]
    if data.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data[:65536], 512)
        except zlib.error:
            return False
    return head[257:262] == b"ustar"


def _zipped(data: bytes) -> Iterator[Member]:
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:  # before objects are made of them, which take a thousand bytes each
        raise _too_many()
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise UnreadableImage("archive_damaged", "The ZIP archive is damaged: it cannot be listed.") from error
    _check_apart(entries)
    for entry in entries:
        if entry.is_dir():
            continue
        linked = (entry.external_attr >> 16) & 0o170000 == 0o120000
        refused = _name_rule(entry.filename, linked=linked)
        if refused is None and entry.flag_bits & 1:
            refused = UnreadableImage("archive_encrypted", "This file of the archive is encrypted.")
        if refused is None and entry.file_size > MAX_MEMBER:
            refused = _too_large()
        if refused is None and entry.file_size > max(_UNSUSPICIOUS, MAX_RATIO * entry.compress_size):
            refused = _bomb("This file of the archive")
        yield Member(entry.filename, refused=refused) if refused else _unzipped(archive, entry)


def _check_apart(entries: list[zipfile.ZipInfo]) -> None:
    """Entries that share their bytes unpack to many times the archive; no program writes them."""
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise _bomb("The archive")
        end = entry.header_offset + 30 + entry.compress_size  # a local header has at least 30 bytes


def _unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Member:
    try:
        with archive.open(entry) as stream:
            data = stream.read(MAX_MEMBER + 1)  # the size in its header is a claim
    except Exception:  # zipfile, zlib, bz2 and lzma each raise their own
        return Member(entry.filename, refused=_damaged_member())
    return _checked(entry.filename, data)


def _tarred(data: bytes) -> Iterator[Member]:
    source = _Inflated(data) if data.startswith(b"\x1f\x8b") else io.BytesIO(data)
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for number, entry in enumerate(archive):
                if number >= MAX_ENTRIES:
                    raise _too_many()
                if entry.isdir():
                    continue
                refused = _name_rule(entry.name, linked=not entry.isfile())
                if refused is None and entry.issparse():
                    refused = _bomb("This file of the archive")
                if refused is None and entry.size > MAX_MEMBER:
                    refused = _too_large()
                if refused is not None:
                    yield Member(entry.name, refused=refused)
                    continue
                stream = archive.extractfile(entry)
                yield _checked(entry.name, stream.read() if stream else b"")
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        raise UnreadableImage("archive_damaged", "The tar archive is damaged or cut off.") from error


class _Inflated(io.RawIOBase):
    """A gzip file read piece by piece, so that a bomb never lies unpacked in memory."""

    def __init__(self, data: bytes) -> None:
        self._stream, self._rest, self._size = zlib.decompressobj(16 + zlib.MAX_WBITS), data, 0
        self._limit = max(4 * _UNSUSPICIOUS, MAX_RATIO * len(data))

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = b""
        while len(found) < size and self._rest and not self._stream.eof:
            found += self._stream.decompress(self._rest, size - len(found))
            self._rest = self._stream.unconsumed_tail
        self._size += len(found)
        if self._size > self._limit:
            raise _bomb("The archive")
        if self._size > MAX_TOTAL:
            raise UnreadableImage(
                "archive_too_large", f"The archive unpacks to more than {MAX_TOTAL // 1_000_000:,} MB."
            )
        if len(found) < size and not self._stream.eof:
            raise EOFError("gzip ends early")
        return found


def _checked(name: str, data: bytes) -> Member:
    if len(data) > MAX_MEMBER:
        return Member(name, refused=_too_large())
    if is_archive(data):
        return Member(
            name,
            refused=UnreadableImage("archive_nested", "An archive in an archive is not opened. Unpack it first."),
        )
    return Member(name, data)


def _name_rule(name: str, *, linked: bool) -> UnreadableImage | None:
    path = PurePosixPath(name.replace("\\", "/"))
    if ".." in path.parts or path.is_absolute() or ":" in name.partition("/")[0] or not path.parts or "\x00" in name:
        return UnreadableImage("archive_path", "This file of the archive has a path that leads out of it.")
    if linked:
        return UnreadableImage("archive_link", "This entry of the archive is a link or a device, not a file.")
    return None


def _is_clutter(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part in _SKIPPED or part.startswith("._") for part in parts)


def _is_dicomdir(data: bytes | None) -> bool:
    """By what it says it is, as exports give it any name."""
    return data is not None and data[128:132] == b"DICM" and _DICOMDIR in data[132:512]


def _too_many() -> UnreadableImage:
    return UnreadableImage("archive_too_many", f"The archive holds more than {MAX_MEMBERS:,} files.")


def _bomb(what: str) -> UnreadableImage:
    return UnreadableImage("archive_bomb", f"{what} unpacks to far more than pictures do. Pack it again.")


def _too_large() -> UnreadableImage:
    return UnreadableImage(
        "archive_member_too_large", f"This file of the archive unpacks to more than {MAX_MEMBER // 1_000_000} MB."
    )


def _damaged_member() -> UnreadableImage:
    return UnreadableImage("archive_member_damaged", "This file of the archive is damaged and cannot be unpacked.")
