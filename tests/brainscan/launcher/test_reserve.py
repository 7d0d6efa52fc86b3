"""The reserve gives up a piece when the disk is full, and comes back when there is room."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from brainscan.launcher import reserve
from brainscan.launcher.reserve import Reserve


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk whose free bytes the test sets; pieces of a kilobyte."""
    disk = SimpleNamespace(free=reserve.MIN_FREE_TO_REFILL)
    monkeypatch.setattr(reserve, "_MEGABYTE", 1024)
    monkeypatch.setattr(reserve, "PIECE_BYTES", 1024)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: disk)
    return disk


def pieces(folder: Path) -> int:
    return sum(piece.stat().st_size == 1024 for piece in (folder / "reserve").glob("*"))


def test_the_reserve_is_given_up_piece_by_piece_and_filled_again(disk: SimpleNamespace, tmp_path: Path) -> None:
    kept = Reserve(tmp_path)
    assert kept.adjust() == ""
    assert pieces(tmp_path) == reserve.PIECES
    disk.free = 0
    assert kept.adjust() == "The disk is full: 7 of 8 parts of the reserve are left. Make room."
    assert (pieces(tmp_path), kept.spent) == (7, False)
    disk.free = reserve.LOW  # the piece gave enough
    assert kept.adjust() == "" and pieces(tmp_path) == 7
    disk.free = reserve.MIN_FREE_TO_REFILL
    assert kept.adjust() == "The disk has room: the reserve is full again."
    assert pieces(tmp_path) == reserve.PIECES


def test_it_says_when_it_is_spent(disk: SimpleNamespace, tmp_path: Path) -> None:
    kept = Reserve(tmp_path)
    disk.free = 0
    assert (kept.adjust(), kept.spent) == ("", True)
    disk.free = reserve.LOW
    assert (kept.adjust(), kept.spent) == ("", False)
    assert pieces(tmp_path) == 0  # room for it, too, comes first


def test_a_piece_that_finds_no_room_is_not_left_in_part(
    disk: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "urandom", full)
    Reserve(tmp_path).adjust()
    assert list((tmp_path / "reserve").iterdir()) == []
