"""ZIP and tar archives of scans, taken apart member by member, within limits.

Each member is judged alone: one with a bad name, a link or a nested archive is refused with its reason, and the others
go on. Nothing is ever written to a path that a name in an archive says. An archive is read from its file as its members
are asked for, so neither it nor what it unpacks to is ever in memory as a whole.
"""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from typing import Self

from ml.contracts import UnreadableImage
from ml.readers.packed import CHUNK, BinaryFile, Bounded, Gunzipped, Stream, opened

HEAD = 65_536
"""First bytes of a file that tell what it is."""
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
_MAX_LIST = 4_000_000
"""Bytes of a ZIP archive's list of files, the one part of it that is read at once: 200 for each of MAX_ENTRIES."""
_MAX_HEADERS = 1_000_000
"""Bytes of a tar archive between the contents of two files. A long name or comment takes some; tarfile reads what it
finds there at once."""
_DICOMDIR = b"\x02\0\x02\0UI\x14\x001.2.840.10008.1.3.10"
"""Its Media Storage SOP Class UID, tag (0002,0002), as every DICOM file begins (PS3.10, 7.1)."""

_SKIPPED = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What operating systems leave in archives; no one means to upload it."""


Reader = Callable[[int], bytes]
"""Gives at most so many bytes, none at the end."""


class _Damaged(Exception):
    """A member cannot be unpacked; those after it may be."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, before it is unpacked.

    name: as the archive has it, for a person to recognize; hostile text. size: bytes that it takes unpacked, as the
    archive says; no more are ever unpacked. head: its first HEAD bytes. refused: why it is not unpacked at all.
    """

    name: str
    size: int = 0
    head: bytes = b""
    refused: UnreadableImage | None = None
    _more: Reader | None = None

    def read(self) -> bytes | UnreadableImage:
        """Its bytes, or why it cannot be unpacked. Once only, and before the next member is asked for.

        Raises UnreadableImage, as `members` does, where the archive itself turns out to be damaged or a bomb.
        """
        if self._more is None:
            return self.refused or self.head
        try:
            return _all(self.head, self._more, self.size)
        except _Damaged:
            return _damaged_member()


def members(source: bytes | BinaryFile) -> Generator[Member, None, None]:
    """The files of a ZIP, tar or gzipped tar archive, one after another, each to be read before the next.

    A DICOMDIR, the list of files that comes with every CD of pictures, is passed over as clutter is. The source is left
    open.

    Raises UnreadableImage with code `archive_damaged`, `archive_bomb`, `archive_too_many` or `archive_too_large`,
    perhaps after some members.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    file.seek(0)
    begins = file.read(2)
    file.seek(0)
    total, number = 0, 0
    with closing(_zipped(file) if begins == b"PK" else _tarred(file, gzipped=begins == b"\x1f\x8b")) as found:
        for member in found:
            if _is_clutter(member.name) or _is_dicomdir(member.head):
                continue
            number += 1
            if number > MAX_MEMBERS:
                raise _too_many()
            total += member.size
            if total > MAX_TOTAL:
                raise _too_large_in_all()
            yield member


def is_archive(head: bytes) -> bool:
    """Whether a file is a ZIP or a tar archive, also a gzipped one, by its first HEAD bytes."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return True
    begins = head[:512]
    if head.startswith(b"\x1f\x8b"):
        try:
            begins = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head[:HEAD], 512)
        except zlib.error:
            return False
    return begins[257:262] == b"ustar"


def _zipped(file: BinaryFile) -> Generator[Member, None, None]:
    archive = _listed(file)
    with archive:
        entries = archive.infolist()
        _check_apart(entries)
        for entry in entries:
            if entry.is_dir():
                continue
            if refused := _zip_rule(entry):
                yield Member(entry.filename, refused=refused)
                continue
            with closing(_Unzipped(archive, entry)) as stream:
                yield _begun(entry.filename, entry.file_size, stream.read)


def _listed(file: BinaryFile) -> zipfile.ZipFile:
    """The archive, with its list of files read."""
    try:
        return zipfile.ZipFile(Bounded(file, most=_MAX_LIST, check=_check_list))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise UnreadableImage("archive_damaged", "The ZIP archive is damaged: it cannot be listed.") from error


def _check_list(data: bytes) -> None:
    """Before objects are made of it, which take a thousand bytes each."""
    if data.count(b"PK\x01\x02") > MAX_ENTRIES:
        raise _too_many()
    if len(data) > _MAX_LIST:
        raise UnreadableImage(
            "archive_too_many", f"The archive's list of files is larger than {_MAX_LIST // 1_000_000} MB."
        )


def _zip_rule(entry: zipfile.ZipInfo) -> UnreadableImage | None:
    linked = (entry.external_attr >> 16) & 0o170000 == 0o120000
    if refused := _name_rule(entry.filename, linked=linked):
        return refused
    if entry.flag_bits & 1:
        return UnreadableImage("archive_encrypted", "This file of the archive is encrypted.")
    if entry.file_size > MAX_MEMBER:
        return _too_large()
    if entry.file_size > max(_UNSUSPICIOUS, MAX_RATIO * entry.compress_size):
        return _bomb("This file of the archive")
    return None


def _check_apart(entries: list[zipfile.ZipInfo]) -> None:
    """Entries that share their bytes unpack to many times the archive; no program writes them."""
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise _bomb("The archive")
        end = entry.header_offset + 30 + entry.compress_size  # a local header has at least 30 bytes


class _Unzipped:
    """A file of a ZIP archive, opened when it is first read. Raises _Damaged."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        self._archive, self._entry = archive, entry
        self._stream: Stream | None = None

    def read(self, size: int) -> bytes:
        try:
            self._stream = self._stream or opened(self._archive, self._entry)
            return self._stream.read(size)
        except Exception as error:  # zipfile, zlib, bz2 and lzma each raise their own
            raise _Damaged from error

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


def _tarred(file: BinaryFile, *, gzipped: bool) -> Generator[Member, None, None]:
    source = _Gunzipped(file) if gzipped else _Plain(file.read)
    with _tar_errors():
        archive = tarfile.open(fileobj=source, mode="r|", tarinfo=_Entry)  # noqa: SIM115 - closed below
    with archive:
        for number in count():
            with _tar_errors():
                entry = _next(archive, gzipped=gzipped)
            if entry is None:
                return
            if number >= MAX_ENTRIES:
                raise _too_many()
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all, names and comments included
            source.limit = archive.offset + _MAX_HEADERS  # where the next header begins
            if entry.isdir():
                continue
            refused = _tar_rule(entry)
            stream = None if refused else archive.extractfile(entry)
            if refused or stream is None:
                yield Member(entry.name, refused=refused)
            else:
                yield _begun(entry.name, max(entry.size, 0), _guarded(stream.read))


class _NoEnd(tarfile.ReadError):
    """The archive ends where another header, or the mark of the end, would have to stand."""


class _Entry(tarfile.TarInfo):
    """A header. tarfile takes one that is damaged, or cut off, for the end of the archive, as long as one came before;
    the mark of the end is a block of zeros."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise _NoEnd from error
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _next(archive: tarfile.TarFile, *, gzipped: bool) -> tarfile.TarInfo | None:
    """The next header, None at the end. Of a gzipped archive, gzip has told that nothing is missing."""
    try:
        return archive.next()
    except _NoEnd:
        if gzipped:
            return None
        raise


@contextmanager
def _tar_errors() -> Iterator[None]:
    """A tar archive has no list: where it is damaged, what follows cannot be found."""
    try:
        yield
    except _NoEnd as error:
        message = "The tar archive breaks off without the mark of its end: files may be missing."
        raise UnreadableImage("archive_damaged", message) from error
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, RecursionError) as error:
        raise UnreadableImage("archive_damaged", "The tar archive is damaged or cut off.") from error


def _guarded(read: Reader) -> Reader:
    def guarded(size: int) -> bytes:
        with _tar_errors():
            return read(size)

    return guarded


def _tar_rule(entry: tarfile.TarInfo) -> UnreadableImage | None:
    if refused := _name_rule(entry.name, linked=not entry.isfile()):
        return refused
    if entry.issparse():
        return _bomb("This file of the archive")
    return _too_large() if entry.size > MAX_MEMBER else None


class _Plain(io.RawIOBase):
    """A tar as tarfile reads it, forwards. limit: how far it may be read, give or take a block."""

    def __init__(self, read: Reader) -> None:
        self._more, self._at, self.limit = read, 0, _MAX_HEADERS

    def read(self, size: int = -1) -> bytes:
        data = self._more(size)
        self._at += len(data)
        if self._at > self.limit + tarfile.RECORDSIZE:
            raise _bomb("The archive")
        return data


class _Gunzipped(_Plain):
    """A gzipped one, inflated piece by piece, so that a bomb never lies unpacked in memory."""

    def __init__(self, file: BinaryFile) -> None:
        file.seek(0, io.SEEK_END)
        packed = file.tell()
        file.seek(0)
        super().__init__(Gunzipped(file).read)
        self._most = max(4 * _UNSUSPICIOUS, MAX_RATIO * packed)

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        if self._at > self._most:
            raise _bomb("The archive")
        if self._at > MAX_TOTAL:
            raise _too_large_in_all()
        return data


def _begun(name: str, size: int, read: Reader) -> Member:
    """A member of which the head is known."""
    try:
        head = read(min(size, HEAD))
    except _Damaged:
        return Member(name, refused=_damaged_member())
    if is_archive(head):
        nested = UnreadableImage("archive_nested", "An archive in an archive is not opened. Unpack it first.")
        return Member(name, refused=nested)
    return Member(name, size, head, _more=read)


def _all(head: bytes, read: Reader, size: int) -> bytes:
    """Piece by piece, as zipfile and tarfile hold twice what is asked for at once. At the end a checksum may be due."""
    found = io.BytesIO()
    found.write(head)
    while piece := read(max(1, min(CHUNK, size - found.tell()))):
        found.write(piece)
    return found.getvalue()


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


def _is_dicomdir(head: bytes) -> bool:
    """By what it says it is, as exports give it any name."""
    return head[128:132] == b"DICM" and _DICOMDIR in head[132:512]


def _too_many() -> UnreadableImage:
    return UnreadableImage("archive_too_many", f"The archive holds more than {MAX_MEMBERS:,} files.")


def _too_large_in_all() -> UnreadableImage:
    return UnreadableImage("archive_too_large", f"The archive unpacks to more than {MAX_TOTAL // 1_000_000:,} MB.")


def _bomb(what: str) -> UnreadableImage:
    return UnreadableImage("archive_bomb", f"{what} unpacks to far more than pictures do. Pack it again.")


def _too_large() -> UnreadableImage:
    return UnreadableImage(
        "archive_member_too_large", f"This file of the archive unpacks to more than {MAX_MEMBER // 1_000_000} MB."
    )


def _damaged_member() -> UnreadableImage:
    return UnreadableImage("archive_member_damaged", "This file of the archive is damaged and cannot be unpacked.")
