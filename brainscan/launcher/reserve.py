"""Reserved disk space: files that are deleted one after another once the disk is full.

Uploads stop before that (MIN_FREE_MB), but logs or another program may fill the disk to its end. Every login, audit row
and message of the queue still needs a little space then, and the reserve provides it until somebody frees more.
CockroachDB keeps such a ballast file, too.
"""

import contextlib
import os
import shutil
from pathlib import Path

_MEGABYTE = 1024 * 1024
PIECES = 8
PIECE_BYTES = 8 * _MEGABYTE
LOW = 8 * _MEGABYTE
"""Free bytes below which a piece is given up."""
MIN_FREE_TO_REFILL = 2 * PIECES * PIECE_BYTES
"""Free bytes from which the reserve is filled again; the pieces themselves are taken from them."""


class Reserve:
    """The reserve of one DATA_DIR."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "reserve"
        self._spent = False

    @property
    def spent(self) -> bool:
        """Whether the disk is full and nothing of the reserve is left."""
        return self._spent

    def adjust(self) -> str:
        """Give up a piece if the disk is full, fill the reserve if there is room. What changed, for the screen."""
        free, held = shutil.disk_usage(self._folder.parent).free, self._pieces()
        self._spent = free < LOW and not held
        if free < LOW and held:
            held[-1].unlink(missing_ok=True)
            return f"The disk is full: {len(held) - 1} of {PIECES} parts of the reserve are left. Make room."
        if len(held) < PIECES and free >= MIN_FREE_TO_REFILL:
            for number in range(PIECES):
                self._fill(self._folder / str(number))
            return "The disk has room: the reserve is full again." if held else ""
        return ""

    def _pieces(self) -> list[Path]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(self._folder.iterdir())
        return []

    def _fill(self, piece: Path) -> None:
        """Random bytes: a file system that compresses or leaves holes would keep no room for zeros."""
        if piece.exists():
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        try:
            with piece.open("wb") as file:
                for _ in range(PIECE_BYTES // _MEGABYTE):
                    file.write(os.urandom(_MEGABYTE))
        except OSError:  # somebody else was faster
            piece.unlink(missing_ok=True)
