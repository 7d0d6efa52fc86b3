"""A process holds no more bytes of files than its budget allows, and takes no more uploads than it has slots."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.files.base import ContentFile

from diagnosis import intake
from diagnosis.inference import model_versions
from diagnosis.intake.limits import Busy, MemoryBudget, UploadSlots
from tests.builders import zipped


class Budget(MemoryBudget):
    """Tells when it changes, so that a test waits for a state and not for a time. admitted: bytes, in order."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.admitted: list[int] = []

    def _acquire(self, wanted: int) -> None:
        with self._changed:  # reentrant: what is admitted next is noted next
            super()._acquire(wanted)
            self.admitted.append(wanted)

    def until(self, reached: Callable[["Budget"], bool]) -> None:
        """Return once `reached` is true; fail after ten seconds."""
        with self._changed:
            for _ in range(1000):
                if reached(self):
                    return
                self._changed.wait(0.01)  # joining the queue notifies nobody
        pytest.fail("the budget never came to the awaited state")

    @property
    def used(self) -> int:
        return self._used

    @property
    def waiting(self) -> int:
        return len(self._waiting)


class Holder:
    """A thread that holds bytes of a budget until `leave` is set."""

    def __init__(self, budget: Budget, wanted: int) -> None:
        self.leave = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(budget, wanted), daemon=True)
        self._thread.start()

    def _hold(self, budget: Budget, wanted: int) -> None:
        with budget.held(wanted):
            self.leave.wait(10)

    def end(self) -> None:
        self.leave.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_files_that_fit_are_held_together_and_the_next_waits_its_turn() -> None:
    budget = Budget(10)
    first = Holder(budget, 4)
    budget.until(lambda b: b.used == 4)
    second = Holder(budget, 5)
    budget.until(lambda b: b.used == 9)
    large = Holder(budget, 8)
    budget.until(lambda b: b.waiting == 1)
    small = Holder(budget, 1)  # it would fit, but the large one came first
    budget.until(lambda b: b.waiting == 2)
    first.end()
    assert (budget.admitted, budget.used, budget.waiting) == ([4, 5], 5, 2)
    second.end()
    budget.until(lambda b: b.waiting == 0)
    for holder in (large, small):
        holder.end()
    assert budget.admitted == [4, 5, 8, 1]


def test_a_file_larger_than_the_budget_is_held_alone() -> None:
    budget = Budget(10)
    whole = Holder(budget, 1000)
    budget.until(lambda b: b.used == 10)
    other = Holder(budget, 1)
    budget.until(lambda b: b.waiting == 1)
    assert budget.admitted == [10]
    whole.end()
    other.end()
    assert budget.admitted == [10, 1]


def test_bytes_are_given_back_after_an_error() -> None:
    budget = Budget(10)
    for _ in range(3):
        with pytest.raises(ValueError), budget.held(10):
            raise ValueError
    assert (budget.used, budget.waiting) == (0, 0)


def test_a_file_of_no_bytes_passes_a_full_budget_and_those_who_wait() -> None:
    budget = Budget(10)
    full = Holder(budget, 10)
    budget.until(lambda b: b.used == 10)
    waits = Holder(budget, 1)
    budget.until(lambda b: b.waiting == 1)
    empty = Holder(budget, 0)
    empty.end()  # while the others still hold and wait
    assert (budget.used, budget.waiting) == (10, 1)
    full.end()
    waits.end()


def test_every_slot_can_be_taken_and_the_next_upload_is_told_at_once() -> None:
    slots, leave = UploadSlots(2), threading.Event()
    both_in = threading.Barrier(3)

    def stay() -> None:
        with slots.held(), slots.held():  # a thread needs only one
            both_in.wait(10)
            leave.wait(10)

    with ThreadPoolExecutor(2) as pool:
        ended = [pool.submit(stay) for _ in range(2)]
        both_in.wait(10)
        with pytest.raises(Busy), slots.held():
            pass
        leave.set()
        for one in ended:
            one.result(10)
    with slots.held():
        pass


def test_a_slot_is_given_back_after_an_error() -> None:
    slots = UploadSlots(1)
    for _ in range(3):
        with pytest.raises(ValueError), slots.held():
            raise ValueError


def test_an_upload_waits_for_a_slot_that_is_soon_given_back() -> None:
    slots = UploadSlots(1, patience=30.0)
    taken, waits = threading.Event(), threading.Event()

    def brief() -> None:
        with slots.held():
            taken.set()
            assert waits.wait(30)

    other = threading.Thread(target=brief)
    other.start()
    assert taken.wait(30)
    waits.set()
    with slots.held():  # no Busy
        pass
    other.join()


def test_most_threads_of_the_web_server_may_upload_and_some_may_not(settings: Any) -> None:
    assert settings.UPLOADS_AT_ONCE == 24  # of the 32 that gunicorn.py starts


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Budget:
    """Intake without a database, with a budget of a thousand bytes and three slots."""
    budget = Budget(1000)
    monkeypatch.setattr(intake, "_memory", budget)
    monkeypatch.setattr(intake, "_slots", UploadSlots(3))
    monkeypatch.setattr(model_versions, "active", lambda: None)
    return budget


def _receive(name: str, data: bytes) -> None:
    user: Any = AnonymousUser()
    intake.receive(user=user, files=[ContentFile(data, name=name)])


def _archive(size: int) -> bytes:
    """Three files of `size` bytes that do not compress."""
    noise = random.Random(0)
    return zipped({f"{number}.png": noise.randbytes(size) for number in range(3)})


@pytest.mark.usefixtures("budget")
def test_a_small_file_passes_while_an_archive_is_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, passed = [], threading.Event()

    def take(name: str, content: bytes, context: Any, *_: Any) -> Any:
        taken.append(name)
        if name == "small.png":
            passed.set()
        elif name == "1.png":
            threading.Thread(target=_receive, args=("small.png", b"s" * 300), daemon=True).start()
            assert passed.wait(10)
        return context

    monkeypatch.setattr(intake, "_take", take)
    _receive("a.zip", _archive(600))
    assert taken == ["0.png", "1.png", "small.png", "2.png"]


def test_a_file_waits_for_one_file_of_an_archive_and_not_for_all(
    budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file of the archive takes the whole budget; an upload that arrives meanwhile is next."""
    taken: list[str] = []
    other = threading.Thread(target=_receive, args=("small.png", b"s" * 300), daemon=True)

    def take(name: str, content: bytes, context: Any, *_: Any) -> Any:
        taken.append(name)
        if name == "0.png":
            other.start()
            budget.until(lambda b: b.waiting == 1)
        return context

    monkeypatch.setattr(intake, "_take", take)
    _receive("a.zip", _archive(5000))
    other.join(10)
    assert taken == ["0.png", "small.png", "1.png", "2.png"]


@pytest.mark.parametrize("data", [_archive(5000), b"x" * 700])
def test_memory_and_slot_are_free_after_a_fault(budget: Budget, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    def fault(*args: Any) -> Any:
        raise OSError

    monkeypatch.setattr(intake, "_take", fault)
    for _ in range(4):  # more often than there are slots
        with pytest.raises(OSError):
            _receive("a", data)
    with intake.upload_slot():
        assert (budget.used, budget.waiting) == (0, 0)


def test_each_file_of_an_archive_holds_its_unpacked_size_and_no_other(
    budget: Budget, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []
    files = {f"{number}.png": bytes(200_000 + number) for number in range(3)}
    roomy = Budget(10**9)

    def take(name: str, content: bytes, context: Any, *_: Any) -> Any:
        held.append(roomy.used)
        assert content == files[name]
        return context

    monkeypatch.setattr(intake, "_memory", roomy)
    monkeypatch.setattr(intake, "_take", take)
    _receive("a.zip", zipped(files))
    assert held == [200_000, 200_001, 200_002]
