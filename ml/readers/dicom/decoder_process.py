"""Lossless JPEG is decoded in a process of its own.

The only free decoder for it, GDCM, ends its process on some damaged streams, and must not take a web server or a
worker along. The child is started when the first such frame comes, serves its parent alone, and ends with it; after a
crash the next frame gets a new one.
"""

import atexit
import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

SECONDS = 30.0
"""For one frame. One of 2,000 × 2,000 takes less than half a second, and starting the child about as long."""
DESCRIPTION = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PhotometricInterpretation", "PlanarConfiguration"),
)
"""All that decoding needs besides the stream; nothing of the patient is handed over."""


class _Child:
    def __init__(self) -> None:
        program = Path(__file__).with_name("decoder_child.py")
        self.parent = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, message: bytes) -> bytes:
        """Raises OSError: it ended, or took too long."""
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack(">I", len(message)) + message)
        self._process.stdin.flush()
        until = time.monotonic() + SECONDS
        (length,) = struct.unpack(">I", self._read(4, until))
        return self._read(length, until)

    def _read(self, size: int, until: float) -> bytes:
        assert self._process.stdout is not None
        found = bytearray()
        while len(found) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], max(until - time.monotonic(), 0))
            piece = os.read(self._process.stdout.fileno(), min(size - len(found), 1 << 20)) if ready else b""
            if not piece:
                raise OSError("the decoder ended or took too long")
            found += piece
        return bytes(found)

    def end(self) -> None:
        if self.parent == os.getpid():  # after a fork, it is another's child
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was written last is still in the pipe's buffer, and no one reads it
                    continue


_lock = threading.Lock()
_child: _Child | None = None


def decode(dataset: Dataset, stream: bytes) -> NDArray[Any]:
    """One frame of a lossless JPEG file: (height, width), or (height, width, 3) as RGB.

    Raises ValueError: the stream cannot be decoded.
    """
    global _child
    description: dict[str, Any] = {keyword: dataset[keyword].value for keyword in DESCRIPTION if keyword in dataset}
    description["TransferSyntaxUID"] = str(dataset.file_meta.TransferSyntaxUID)
    head = json.dumps(description).encode()
    with _lock:
        if _child is not None and _child.parent != os.getpid():
            _child.end()
            _child = None
        try:
            _child = _child or _Child()
            reply = _child.ask(struct.pack(">I", len(head)) + head + stream)
        except OSError as error:
            end()
            raise ValueError("the decoder ended") from error
    size = int.from_bytes(reply[:4], "big")
    said = json.loads(reply[4 : 4 + size])
    if "error" in said:
        raise ValueError(said["error"])
    return np.frombuffer(reply[4 + size :], said["dtype"]).reshape(said["shape"])


def end() -> None:
    """End the child, if there is one."""
    global _child
    if _child is not None:
        _child.end()
        _child = None


atexit.register(end)
