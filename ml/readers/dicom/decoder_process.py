"""Lossless JPEG is decoded in a child process.

The only free decoder for it, GDCM, crashes on some damaged streams, and must not take a web server or worker down with
it. The child starts with the first such frame, serves only its parent, and ends with it. After a crash the next frame
starts a new child.
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

from ml import child_environment

SECONDS = 30.0
"""Time limit per frame. One of 2,000 × 2,000 pixels takes less than half a second; so does starting the child."""
DESCRIPTION = (
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PhotometricInterpretation", "PlanarConfiguration"),
)
"""The attributes that decoding needs. Nothing about the patient is passed on."""


class _Child:
    def __init__(self) -> None:
        program = Path(__file__).with_name("decoder_child.py")
        self.parent = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(program)],
            env=child_environment.reduced(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, message: bytes) -> bytes:
        """Send a message and return the answer. Raises OSError if the child ends or takes too long."""
        assert self._process.stdin is not None
        self._process.stdin.write(struct.pack(">I", len(message)) + message)
        self._process.stdin.flush()
        deadline = time.monotonic() + SECONDS
        (length,) = struct.unpack(">I", self._read(4, deadline))
        return self._read(length, deadline)

    def _read(self, size: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        data = bytearray()
        while len(data) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], max(deadline - time.monotonic(), 0))
            chunk = os.read(self._process.stdout.fileno(), min(size - len(data), 1 << 20)) if ready else b""
            if not chunk:
                raise OSError("the decoder ended or took too long")
            data += chunk
        return bytes(data)

    def end(self) -> None:
        if self.parent == os.getpid():  # after a fork, the child belongs to the parent process
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # flushing the last message fails: nobody reads it
                    continue


_lock = threading.Lock()
_child: _Child | None = None


def decode(dataset: Dataset, stream: bytes) -> NDArray[Any]:
    """Decode one frame of lossless JPEG: (height, width), or (height, width, 3) as RGB.

    Raises ValueError if the stream cannot be decoded.
    """
    global _child
    description: dict[str, Any] = {keyword: dataset[keyword].value for keyword in DESCRIPTION if keyword in dataset}
    description["TransferSyntaxUID"] = str(dataset.file_meta.TransferSyntaxUID)
    encoded = json.dumps(description).encode()
    with _lock:
        if _child is not None and _child.parent != os.getpid():
            _child.end()
            _child = None
        try:
            _child = _child or _Child()
            reply = _child.ask(struct.pack(">I", len(encoded)) + encoded + stream)
        except OSError as error:
            end()
            raise ValueError("the decoder ended") from error
    size = int.from_bytes(reply[:4], "big")
    header = json.loads(reply[4 : 4 + size])
    if "error" in header:
        raise ValueError(header["error"])
    return np.frombuffer(reply[4 + size :], header["dtype"]).reshape(header["shape"])


def end() -> None:
    """End the child process, if there is one."""
    global _child
    if _child is not None:
        _child.end()
        _child = None


atexit.register(end)
