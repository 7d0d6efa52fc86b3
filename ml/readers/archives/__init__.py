"""ZIP and tar archives of scans, unpacked file by file and within limits.

Each file is judged alone: one with a bad name, a link or a nested archive is refused with its reason, and the others go
on. Nothing is ever written to a path that an archive names. The archive is read as its files are asked for, so neither
it nor its contents are ever in memory as a whole.
"""

import io
from collections.abc import Generator
from contextlib import closing

from ml.readers.archives import limits, tar_archive, zip_archive
from ml.readers.archives.member import HEAD, Member, is_archive, is_dicomdir, is_left_behind
from ml.readers.packed import BinaryFile

__all__ = ["HEAD", "Member", "is_archive", "members"]


def members(source: bytes | BinaryFile) -> Generator[Member, None, None]:
    """The files of a ZIP, tar or gzipped tar archive, one after another, each to be read before the next.

    What operating systems leave behind is skipped, and so is a DICOMDIR, the list of files on every CD of images. The
    source is left open.

    Raises UnreadableImage with code `archive_empty` if there is none, or `archive_damaged`, `archive_bomb`,
    `archive_too_many` or `archive_too_large`, perhaps after some members.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    file.seek(0)
    magic = file.read(2)
    file.seek(0)
    is_zip, gzipped = magic == b"PK", magic == b"\x1f\x8b"
    total, number = 0, 0
    left_behind = dicomdirs = False
    with closing(zip_archive.members(file) if is_zip else tar_archive.members(file, gzipped=gzipped)) as found:
        for member in found:
            if is_left_behind(member):
                left_behind = True
                continue
            if is_dicomdir(member):
                dicomdirs = True
                continue
            number += 1
            if number > limits.MAX_MEMBERS:
                raise limits.too_many()
            total += member.size
            if total > limits.MAX_TOTAL:
                raise limits.too_large_in_all()
            yield member
    if not number:
        raise limits.empty(left_behind=left_behind, dicomdir=dicomdirs)
