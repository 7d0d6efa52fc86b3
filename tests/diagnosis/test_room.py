"""A process holds no more bytes of files than it has room for."""

import threading
import time

from diagnosis.intake.room import Room


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
