"""The process in which a file is decoded, because decoding may take too long, take too much memory, or crash.

A server process has imported this module and forks such a process in milliseconds. It serves one file after another,
has no connection to the database and no password or key in its environment, and ends with its parent.
"""

import contextlib
import math
import pickle
import resource
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from django.conf import settings

from diagnosis.intake import decoding, rejections
from ml.contracts import UnreadableImage

MEGABYTE = 1024 * 1024


def serve(connection: Connection, *, seconds: int, megabytes: int, deid_secret: bytes) -> None:
    """Decode what comes until the other end is closed. seconds: of processor time for a file. megabytes: of memory
    beyond what the process starts with. deid_secret: the one secret that decoding needs; the environment has none."""
    settings.DEID_SECRET = deid_secret
    _limit_memory(megabytes)
    while True:
        try:
            name, data = pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own parent  # nosec B301
        except EOFError:
            return
        _limit_time(seconds)
        connection.send_bytes(pickle.dumps(_answer(data, name)))


def _answer(data: bytes, name: str) -> tuple[object, ...]:
    try:
        return "decoded", decoding.decode(data, name=name)
    except UnreadableImage as error:
        refusal = rejections.takes_too_much() if _out_of_memory(error) else error
        return "refused", refusal.code, refusal.message
    except MemoryError:
        refusal = rejections.takes_too_much()
        return "refused", refusal.code, refusal.message
    except Exception:
        return "failed", traceback.format_exc()


def _out_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out: readers report whatever a decoder raises as a damaged file."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _limit_time(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + seconds))


def _limit_memory(megabytes: int) -> None:
    with contextlib.suppress(OSError):  # only Linux has this file, and only there the limit works
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + megabytes * MEGABYTE)


def _lower(resource_number: int, limit: int) -> None:
    """Set the soft limit; a hard limit that is lower stays."""
    _, hard = resource.getrlimit(resource_number)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource_number, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
