"""A file of an archive: what its name and first bytes tell, and how it is read. The same for ZIP and tar."""

import io
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ml.contracts import UnreadableImage
from ml.readers.archives.documents import document
from ml.readers.packed import CHUNK

HEAD = 65_536
"""Bytes at the start of a file, enough to recognize its format."""
_TAR_BLOCK = 512
_DICOMDIR = b"\x02\0\x02\0UI\x14\x001.2.840.10008.1.3.10"
"""Media Storage SOP Class UID of a DICOMDIR, element (0002,0002), as it starts every DICOM file (PS3.10, 7.1)."""
_LEFT_BEHIND = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""What operating systems leave in archives; nobody means to upload it."""

ReadSome = Callable[[int], bytes]
"""Returns at most so many bytes, none at the end."""


class MemberDamaged(Exception):
    """This file cannot be unpacked; those after it may be."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive, before it is unpacked.

    name: as the archive has it, for people to recognize; hostile text. size: unpacked bytes, as the archive says; no
    more are ever unpacked. head: its first HEAD bytes. refused: why it is not unpacked at all.
    """

    name: str
    size: int = 0
    head: bytes = b""
    refused: UnreadableImage | None = None
    _rest: ReadSome | None = None

    def read(self) -> bytes | UnreadableImage:
        """Its bytes, or why it cannot be unpacked. Call it once, and before the next member is asked for.

        Raises UnreadableImage, as `members` does, if the archive itself turns out to be damaged or a bomb.
        """
        if self._rest is None:
            return self.refused or self.head
        try:
            return _read_all(self.head, self._rest, self.size)
        except MemberDamaged:
            return _damaged()


def begin(name: str, *, size: int, read: ReadSome) -> Member:
    """A member whose head has been read. read: may raise MemberDamaged."""
    try:
        head = read(min(size, HEAD))
    except MemberDamaged:
        return Member(name, refused=_damaged())
    if is_archive(head):
        nested = UnreadableImage("archive_nested", "An archive in an archive is not opened. Unpack it first.")
        return Member(name, refused=document(head) or nested)
    return Member(name, size, head, _rest=read)


def is_archive(head: bytes) -> bool:
    """Whether a file is a ZIP, tar or gzipped tar archive, by its first HEAD bytes."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK00PK\x03\x04")):  # PK00: split, and found to fit in one
        return True
    block = head[:_TAR_BLOCK]
    if head.startswith(b"\x1f\x8b"):
        try:
            block = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head[:HEAD], _TAR_BLOCK)
        except zlib.error:
            return False
    return block[257:262] == b"ustar" or _is_old_tar(block)


def _is_old_tar(block: bytes) -> bool:
    """Whether it is the first header of a tar archive as before POSIX, which only its checksum tells."""
    if len(block) < _TAR_BLOCK or not block[:1].strip(b"\x00") or block[148:149] not in b" 01234567":
        return False
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def is_left_behind(member: Member) -> bool:
    """Whether an operating system left it, so that nobody meant to upload it."""
    return any(part in _LEFT_BEHIND or part.startswith("._") for part in PurePosixPath(member.name).parts)


def is_dicomdir(member: Member) -> bool:
    """Whether it is a DICOMDIR, by its bytes: exports give it any name."""
    return member.head[128:132] == b"DICM" and _DICOMDIR in member.head[132:512]


def refuse_by_name(name: str, *, linked: bool) -> UnreadableImage | None:
    """Why an entry is not unpacked, whatever it holds. linked: it is a link or a device."""
    path = PurePosixPath(name.replace("\\", "/"))
    if ".." in path.parts or path.is_absolute() or ":" in name.partition("/")[0] or not path.parts or "\x00" in name:
        return UnreadableImage("archive_path", "This file of the archive has a path that leads out of it.")
    if linked:
        return UnreadableImage("archive_link", "This entry of the archive is a link or a device, not a file.")
    return None


def _read_all(head: bytes, read: ReadSome, size: int) -> bytes:
    """In chunks, as zipfile and tarfile hold twice what they are asked for. The last read may verify a checksum."""
    data = io.BytesIO()
    data.write(head)
    while chunk := read(max(1, min(CHUNK, size - data.tell()))):
        data.write(chunk)
    return data.getvalue()


def _damaged() -> UnreadableImage:
    return UnreadableImage("archive_member_damaged", "This file of the archive is damaged and cannot be unpacked.")
