"""Reading stored images in the worker.

Three things can go wrong, and each has its own exception because each ends differently: the storage does not answer
(try again), the file is gone (fail), the file holds no readable image (refuse).
"""

from collections.abc import Callable

from celery.exceptions import SoftTimeLimitExceeded
from django.db.models.fields.files import FieldFile

from ml import readers
from ml.contracts import Image, UnreadableImage


class StorageUnavailable(Exception):
    """The storage cannot return a file right now. Wraps the errors of every storage backend."""


class FileMissing(Exception):
    """The storage has no such file."""


def read(file: FieldFile) -> bytes:
    """A stored file's bytes. Raises FileMissing, StorageUnavailable and SoftTimeLimitExceeded."""
    try:
        with file.open("rb") as opened:
            return bytes(opened.read())
    except SoftTimeLimitExceeded:
        raise
    except FileNotFoundError as error:
        raise FileMissing(str(error)) from error
    except Exception as error:
        raise StorageUnavailable(str(error)) from error


def decode(file: FieldFile, *, frame: int = 0) -> Image:
    """An image in a stored file. Raises what `read` does, and UnreadableImage."""
    data = read(file)
    return reraise_time_limit(lambda: readers.open_file(data).image(frame))


def reraise_time_limit(read_image: Callable[[], Image]) -> Image:
    """Read an image. A decoder that the time limit interrupts takes it for a damaged file; that must not refuse the
    image, so SoftTimeLimitExceeded is raised instead."""
    try:
        return read_image()
    except UnreadableImage as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, SoftTimeLimitExceeded):
                raise SoftTimeLimitExceeded from error
            cause = cause.__cause__ or cause.__context__
        raise
