"""tar archives, plain or gzipped. They have no list of files, so limits are checked while the archive is read."""

import io
import tarfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Self

from ml.contracts import UnreadableImage
from ml.readers.archives import limits
from ml.readers.archives.member import Member, ReadSome, begin, refuse_by_name
from ml.readers.packed import BinaryFile, Gunzipped


def members(file: BinaryFile, *, gzipped: bool) -> Generator[Member, None, None]:
    """Every file of the archive. Raises UnreadableImage."""
    source = _GunzippedSource(file) if gzipped else _Source(file.read)
    with _archive_errors():
        archive = tarfile.open(fileobj=source, mode="r|", tarinfo=_Entry)  # noqa: SIM115 - closed below
    with archive:
        for number in count():
            with _archive_errors():
                entry = _next(archive, gzipped=gzipped)
            if entry is None:
                return
            if number >= limits.MAX_ENTRIES:
                raise limits.too_many()
            archive.members.clear()  # type: ignore[attr-defined]  # tarfile would keep every name and comment
            source.limit = archive.offset + limits.MAX_HEADERS  # archive.offset: where the next header begins
            if entry.isdir():
                continue
            refused = _refuse(entry)
            stream = None if refused else archive.extractfile(entry)
            if refused or stream is None:
                yield Member(entry.name, refused=refused)
            else:
                yield begin(entry.name, size=max(entry.size, 0), read=_with_archive_errors(stream.read))


class _NoEndMark(tarfile.ReadError):
    """The archive ends where another header, or the end mark, should be."""


class _Entry(tarfile.TarInfo):
    """A header that is never mistaken for the end of the archive.

    tarfile takes a damaged or missing header for the end, unless it is the first; the end mark is a block of zeros.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise _NoEndMark from error
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _next(archive: tarfile.TarFile, *, gzipped: bool) -> tarfile.TarInfo | None:
    """The next header, None at the end. Some writers omit the end mark; gzip's checksum then vouches for the whole."""
    try:
        return archive.next()
    except _NoEndMark:
        if gzipped:
            return None
        raise


@contextmanager
def _archive_errors() -> Iterator[None]:
    """Without a list of files, nothing can be found after the damage."""
    try:
        yield
    except _NoEndMark as error:
        message = "The tar archive breaks off without the mark of its end: files may be missing."
        raise UnreadableImage("archive_damaged", message) from error
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, RecursionError) as error:
        raise UnreadableImage("archive_damaged", "The tar archive is damaged or cut off.") from error


def _with_archive_errors(read: ReadSome) -> ReadSome:
    def guarded(size: int) -> bytes:
        with _archive_errors():
            return read(size)

    return guarded


def _refuse(entry: tarfile.TarInfo) -> UnreadableImage | None:
    if refused := refuse_by_name(entry.name, linked=not entry.isfile()):
        return refused
    if entry.issparse():
        return limits.bomb("This file of the archive")
    return limits.member_too_large() if entry.size > limits.MAX_MEMBER else None


class _Source(io.RawIOBase):
    """The archive as tarfile reads it, forwards. limit: how far it may be read, give or take a block."""

    def __init__(self, read: ReadSome) -> None:
        self._read, self._position, self.limit = read, 0, limits.MAX_HEADERS

    def read(self, size: int = -1) -> bytes:
        data = self._read(size)
        self._position += len(data)
        if self._position > self.limit + tarfile.RECORDSIZE:
            raise limits.bomb("The archive")
        return data


class _GunzippedSource(_Source):
    """A gzipped archive, inflated in pieces, so that a bomb is never in memory unpacked."""

    def __init__(self, file: BinaryFile) -> None:
        file.seek(0, io.SEEK_END)
        packed = file.tell()
        file.seek(0)
        super().__init__(Gunzipped(file).read)
        self._most = max(4 * limits.UNSUSPICIOUS, limits.MAX_RATIO * packed)

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        if self._position > self._most:
            raise limits.bomb("The archive")
        if self._position > limits.MAX_TOTAL:
            raise limits.too_large_in_all()
        return data
