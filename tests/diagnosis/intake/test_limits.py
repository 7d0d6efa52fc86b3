"""A process holds no more bytes of files than it has room for, and no more uploads than it has places for."""

import random
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile

from diagnosis import intake
from diagnosis.intake.limits import Busy, Room
from tests.builders import zipped


def _enter(room: Room, wanted: int, entered: list[int], leave: threading.Event) -> threading.Thread:
    def stay() -> None:
        with room.held(wanted):
            entered.append(wanted)
            leave.wait(10)

    thread = threading.Thread(target=stay, daemon=True)
    thread.start()
    return thread


def _until(entered: list[int], count: int) -> bool:
    deadline = time.monotonic() + 5
    while len(entered) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    return len(entered) >= count


def test_what_fits_goes_together_and_the_next_waits_its_turn() -> None:
    room, entered, first, second = Room(10), [], threading.Event(), threading.Event()
    _enter(room, 4, entered, first)
    assert _until(entered, 1)
    _enter(room, 5, entered, second)
    assert _until(entered, 2)
    large = _enter(room, 8, entered, second)
    time.sleep(0.05)
    small = _enter(room, 1, entered, second)  # there is room, but the large one was first
    time.sleep(0.05)
    assert entered == [4, 5]
    first.set()
    time.sleep(0.05)
    assert entered == [4, 5]
    second.set()
    large.join(5)
    small.join(5)
    assert entered == [4, 5, 8, 1]


def test_what_is_larger_than_all_room_goes_alone() -> None:
    room, entered, leave = Room(10), [], threading.Event()
    whole = _enter(room, 1000, entered, leave)
    assert _until(entered, 1)
    other = _enter(room, 1, entered, leave)
    time.sleep(0.05)
    assert entered == [1000]
    leave.set()
    whole.join(5)
    other.join(5)
    assert entered == [1000, 1]


def test_room_is_given_back_after_an_error() -> None:
    room = Room(10)
    for _ in range(3):
        try:
            with room.held(10):
                raise ValueError
        except ValueError:
            pass
    with room.held(10):
        pass


def test_who_wants_nothing_does_not_wait() -> None:
    room = Room(10)
    with room.held(10), room.held(0):
        pass


def test_so_many_have_a_place_and_the_next_is_told_at_once() -> None:
    room, entered, leave = Room(10, places=2), [], threading.Event()

    def stay() -> None:
        with room.place(), room.place():  # what it takes within its own place needs no other
            entered.append(1)
            leave.wait(10)

    threads = [threading.Thread(target=stay, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert _until(entered, 2)
    with pytest.raises(Busy), room.place():
        pass
    leave.set()
    for thread in threads:
        thread.join(5)
    with room.place():
        pass


def test_a_place_is_given_back_after_an_error() -> None:
    room = Room(10, places=1)
    for _ in range(3):
        with pytest.raises(ValueError), room.place():
            raise ValueError


def test_most_threads_of_the_web_server_may_upload_and_some_may_not(settings: Any) -> None:
    assert settings.UPLOADS_AT_ONCE == 24  # of the 32 that gunicorn.py starts


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Intake without a database: what it takes is noted by `taken`, in the room of a thousand bytes."""
    monkeypatch.setattr(intake, "_room", Room(1000, places=3))
    monkeypatch.setattr(intake.model_versions, "active", lambda: None)
    return SimpleNamespace(pk=None)


def _receive(user: Any, name: str, data: bytes) -> None:
    intake.receive(user=user, files=[ContentFile(data, name=name)])


def _archive(size: int) -> bytes:
    """Three files of `size` bytes that do not pack."""
    noise = random.Random(0)
    return zipped({f"{number}.png": noise.randbytes(size) for number in range(3)})


def test_a_small_file_passes_while_an_archive_is_taken_in(nobody: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, passed = [], threading.Event()

    def take(name: str, content: bytes, intent: Any, receipt: Any) -> Any:
        taken.append(name)
        if name == "small.png":
            passed.set()
        elif name == "1.png":
            threading.Thread(target=_receive, args=(nobody, "small.png", b"s" * 300), daemon=True).start()
            assert passed.wait(10)
        return intent

    monkeypatch.setattr(intake, "_take", take)
    _receive(nobody, "a.zip", _archive(600))
    assert taken == ["0.png", "1.png", "small.png", "2.png"]


def test_a_file_waits_for_one_of_an_archive_and_not_for_all(nobody: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the archive takes all room; who comes meanwhile is next."""
    taken: list[str] = []
    other = threading.Thread(target=_receive, args=(nobody, "small.png", b"s" * 300), daemon=True)

    def take(name: str, content: bytes, intent: Any, receipt: Any) -> Any:
        taken.append(name)
        if name == "0.png":
            other.start()
            assert _stands_at_the_door()
        return intent

    monkeypatch.setattr(intake, "_take", take)
    _receive(nobody, "a.zip", _archive(5000))
    other.join(10)
    assert taken == ["0.png", "small.png", "1.png", "2.png"]


def _stands_at_the_door() -> bool:
    deadline = time.monotonic() + 10
    while not intake._room._turn.locked() and time.monotonic() < deadline:
        time.sleep(0.005)
    return intake._room._turn.locked()


@pytest.mark.parametrize("data", [_archive(5000), b"x" * 700])
def test_room_and_place_are_free_after_a_fault(nobody: Any, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    def fault(*args: Any) -> Any:
        raise OSError

    monkeypatch.setattr(intake, "_take", fault)
    for _ in range(4):  # more often than there are places
        with pytest.raises(OSError):
            _receive(nobody, "a", data)
    with intake._room.held(1000), intake.place():
        pass


def test_each_file_of_an_archive_holds_what_it_unpacks_to_and_none_beside_it(
    nobody: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    files = {f"{number}.png": bytes(200_000 + number) for number in range(3)}

    def take(name: str, content: bytes, intent: Any, receipt: Any) -> Any:
        held.append(intake._room._used)
        assert content == files[name]
        return intent

    monkeypatch.setattr(intake, "_room", Room(10**9))
    monkeypatch.setattr(intake, "_take", take)
    _receive(nobody, "a.zip", zipped(files))
    assert held == [200_000, 200_001, 200_002]


def test_a_place_that_is_given_back_soon_is_waited_for() -> None:
    room = Room(100, places=1, patience=30.0)
    taken, waits = threading.Event(), threading.Event()

    def brief() -> None:
        with room.place():
            taken.set()
            assert waits.wait(30)

    other = threading.Thread(target=brief)
    other.start()
    assert taken.wait(30)
    waits.set()
    with room.place():  # no Busy
        pass
    other.join()
