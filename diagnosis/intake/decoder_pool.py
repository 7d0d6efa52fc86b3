"""Files are decoded in processes of their own, which have a limit in seconds and in memory and can be killed.

A few hundred kilobytes can keep a decoder busy for minutes. Here that ends at the limit, costs the web process nothing,
and delays only the files of the same person: each has one file decoded at a time.
"""

import io
import multiprocessing
import pickle
import signal
import threading
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from django.conf import settings

from diagnosis.intake import decoder_child, decoding, rejections
from diagnosis.intake.decoded import Decoded
from diagnosis.intake.limits import PerPerson
from ml.contracts import UnreadableImage

_PATIENCE = 4
"""A file may take this many times its limit in processor time by the clock: the machine may be busy."""
_FILES = 500
"""Files after which a process is replaced, so that what codecs leak is returned."""
_FROM_CHILD = frozenset(
    ["diagnosis.intake.decoded", "ml.contracts", "ml.readers.dicom.slice_facts", "ml.readers.dicom.geometry"]
)
"""Modules of the classes that an answer consists of."""

_turns: PerPerson[threading.Semaphore] = PerPerson(lambda: threading.Semaphore(1))


def decode(data: bytes, *, name: str, owner: int | None) -> list[Decoded]:
    """`decoding.decode`, in a process of its own unless DECODE_PROCESSES is 0. owner: id of the person who uploads.

    Raises UnreadableImage, also with code `takes_too_long`, `takes_too_much` or `decoder_ended`.
    """
    if not settings.DECODE_PROCESSES:
        return decoding.decode(data, name=name)
    with _turns.of(owner):
        return _pool().decode(data, name=name)


def warm_up() -> None:
    """Start what the first upload would wait for."""
    if settings.DECODE_PROCESSES:
        _pool().warm_up()


class Decoder:
    """One process. seconds, megabytes: as `decoder_child.serve`."""

    def __init__(self, *, seconds: int, megabytes: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["diagnosis.decoder_server"])
        self._connection: Connection
        self._connection, theirs = context.Pipe()
        given = {"seconds": seconds, "megabytes": megabytes, "deid_secret": settings.DEID_SECRET}
        self._process = context.Process(target=decoder_child.serve, args=(theirs,), kwargs=given, daemon=True)
        self._process.start()
        theirs.close()
        self._seconds, self.files = seconds, 0

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def ask(self, data: bytes, *, name: str) -> list[Decoded]:
        """Raises UnreadableImage. After `takes_too_long` or `decoder_ended` the process is gone."""
        self.files += 1
        try:
            self._connection.send_bytes(pickle.dumps((name, data)))
            if not self._connection.poll(self._seconds * _PATIENCE):
                raise TimeoutError
            verdict, *rest = _Answer(io.BytesIO(self._connection.recv_bytes())).load()
        except (OSError, EOFError) as error:  # TimeoutError is an OSError
            self.end()
            late = isinstance(error, TimeoutError) or self._process.exitcode == -signal.SIGXCPU
            raise (rejections.takes_too_long() if late else rejections.decoder_ended()) from error
        if verdict == "refused":
            raise UnreadableImage(*rest)
        if verdict == "failed":
            raise RuntimeError(f"a file could not be decoded:\n{rest[0]}")
        return list(rest[0])

    def end(self) -> None:
        """Kill it, unless it has ended by itself."""
        self._connection.close()
        self._process.join(0.2)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


class DecoderPool:
    """At most `size` processes, started when they are needed; the one used last is used next."""

    def __init__(self, size: int, *, seconds: int, megabytes: int) -> None:
        self._free = threading.Semaphore(size)
        self._limits = {"seconds": seconds, "megabytes": megabytes}
        self._idle: list[Decoder] = []
        self._lock = threading.Lock()

    def decode(self, data: bytes, *, name: str) -> list[Decoded]:
        """Waits for a process. Raises UnreadableImage."""
        with self._free:
            decoder = self._take()
            try:
                return decoder.ask(data, name=name)
            finally:
                self._give_back(decoder)

    def warm_up(self) -> None:
        """Start one process, and with it the server that forks the others."""
        with self._free:
            self._give_back(self._take())

    def end(self) -> None:
        """End those that wait for work."""
        while self._idle:
            self._idle.pop().end()

    def _take(self) -> Decoder:
        with self._lock:
            while self._idle:
                decoder = self._idle.pop()
                if decoder.alive:
                    return decoder
                decoder.end()
            return Decoder(**self._limits)

    def _give_back(self, decoder: Decoder) -> None:
        if decoder.alive and decoder.files < _FILES:
            with self._lock:
                self._idle.append(decoder)
        else:
            decoder.end()


class _Answer(pickle.Unpickler):
    """Builds what an answer consists of and nothing else: the child has read a stranger's file."""

    def find_class(self, module: str, name: str, /) -> Any:
        found = super().find_class(module, name) if module in _FROM_CHILD and "." not in name else None
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an answer")
        return found


@lru_cache(maxsize=1)
def _pool() -> DecoderPool:
    return DecoderPool(settings.DECODE_PROCESSES, seconds=settings.DECODE_SECONDS, megabytes=settings.DECODE_MB)
