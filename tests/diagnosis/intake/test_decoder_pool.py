"""Files are decoded in processes that can be killed: same answers, and an end for what takes too long or too much."""

import io
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from diagnosis.intake import decoder_pool, decoding
from diagnosis.intake.decoder_pool import Decoder, DecoderPool
from diagnosis.intake.limits import PerPerson
from ml import child_environment
from ml.contracts import UnreadableImage
from tests import builders
from tests.processes import only_linux, started_with


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    found = DecoderPool(2, seconds=60, megabytes=2000)
    yield found
    found.end()


@pytest.fixture
def decoder() -> Iterator[Callable[..., Decoder]]:
    """Makes a process with limits of its own."""
    made: list[Decoder] = []

    def make(**limits: int) -> Decoder:
        made.append(Decoder(**{"seconds": 60, "megabytes": 2000} | limits))
        return made[-1]

    yield make
    for one in made:
        one.end()


def refusal(call: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(UnreadableImage) as caught:
        call(*args, **kwargs)
    return caught.value.code


FILES = {
    "png": builders.png_bytes(builders.phantom(64)),
    "dicom": builders.dicom_bytes(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)),
    "series": builders.dicom_series(1)[0],
    "volume": builders.nifti_bytes(3, size=32),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_answer_is_that_of_the_decoder(pool: DecoderPool, kind: str) -> None:
    assert pool.decode(FILES[kind], name="a.png") == decoding.decode(FILES[kind], name="a.png")


@only_linux
def test_no_key_and_no_password_reaches_the_process(pool: DecoderPool) -> None:
    assert os.environ["SECRET_KEY"]  # the tests' own, which would be handed over
    pool.warm_up()
    given = started_with(pool._idle[-1]._process.pid)
    ours = {name: given.pop(name, None) for name in ("SECRET_KEY", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
    assert (ours["SECRET_KEY"], ours["DATABASE_URL"]) == ("signs-nothing", "sqlite://:memory:")
    assert given["DATA_DIR"] and given == child_environment.reduced(given, "LOG_")


def test_a_refusal_keeps_its_code_and_the_process(pool: DecoderPool) -> None:
    with pytest.raises(UnreadableImage) as here:
        decoding.decode(b"no image", name="a.txt")
    for _ in range(2):
        with pytest.raises(UnreadableImage) as there:
            pool.decode(b"no image", name="a.txt")
        assert (there.value.code, there.value.message) == (here.value.code, here.value.message)
    assert len(pool._idle) == 1


@pytest.mark.slow
def test_what_takes_too_long_ends_at_the_limit(decoder: Callable[..., Decoder]) -> None:
    slow = decoder(seconds=1)
    assert refusal(slow.ask, builders.nifti_bytes(1000, size=200), name="a.nii") == "takes_too_long"
    assert not slow.alive


def test_what_stands_still_ends_at_the_limit(decoder: Callable[..., Decoder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_pool, "_PATIENCE", 0.001)
    still = decoder()
    assert still._process.pid is not None
    os.kill(still._process.pid, signal.SIGSTOP)
    assert refusal(still.ask, FILES["png"], name="a.png") == "takes_too_long"
    assert not still.alive


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="only Linux limits memory")  # noqa: PTH110
def test_what_takes_too_much_memory_is_refused_and_the_process_goes_on(decoder: Callable[..., Decoder]) -> None:
    small = decoder(megabytes=20)
    large = builders.png_bytes(np.zeros((5000, 5000), np.uint8))
    assert refusal(small.ask, large, name="a.png") == "takes_too_much"
    assert small.ask(FILES["png"], name="a.png")


def test_a_crash_is_a_refusal_and_another_process_takes_the_next(
    pool: DecoderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.warm_up()
    ask = Decoder.ask

    def crashing(self: Decoder, data: bytes, *, name: str) -> Any:
        assert self.alive and self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)
        return ask(self, data, name=name)

    with monkeypatch.context() as patch:
        patch.setattr(Decoder, "ask", crashing)
        assert refusal(pool.decode, FILES["png"], name="a.png") == "decoder_ended"
    assert pool.decode(FILES["png"], name="a.png")
    [idle] = pool._idle
    idle._process.kill()  # while it waits for work
    idle._process.join()
    assert pool.decode(FILES["png"], name="a.png")


@pytest.mark.slow
def test_a_process_is_replaced_before_it_has_grown(pool: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.decode(FILES["png"], name="a.png")
    before = pool._idle[-1]._process.pid
    monkeypatch.setattr(decoder_pool, "_FILES", 1)
    pool.decode(FILES["png"], name="a.png")
    assert pool._idle == [] and before is not None


@pytest.mark.parametrize("harm", [os.system, pickle.loads, threading.Thread])
def test_an_answer_builds_nothing_else(harm: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        decoder_pool._Answer(io.BytesIO(pickle.dumps(harm))).load()


def test_a_person_has_one_file_decoded_at_a_time(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DECODE_PROCESSES = 3
    at_once: dict[str, int] = {}
    seen: list[tuple[str, int]] = []
    both = threading.Barrier(2, timeout=20)

    class Pool:
        def decode(self, data: bytes, *, name: str) -> list[object]:
            at_once[name] = at_once.get(name, 0) + 1
            seen.append((name, at_once[name]))
            both.wait()  # one of each person
            at_once[name] -= 1
            return []

    monkeypatch.setattr(decoder_pool, "_pool", Pool)
    people = [(1, "one"), (1, "one"), (2, "two"), (2, "two")]
    threads = [
        threading.Thread(target=decoder_pool.decode, args=(b"",), kwargs={"name": name, "owner": owner})
        for owner, name in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(seen) == [("one", 1), ("one", 1), ("two", 1), ("two", 1)]


def test_without_processes_it_is_decoded_here(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DECODE_PROCESSES = 0
    monkeypatch.setattr(decoder_pool, "_pool", None)
    decoder_pool.warm_up()
    assert decoder_pool.decode(FILES["png"], name="a.png", owner=1)


def test_what_a_person_has_is_shared_while_it_is_held() -> None:
    made: list[threading.Event] = []
    each = PerPerson(lambda: made.append(threading.Event()) or made[-1])  # type: ignore[func-returns-value]
    first = each.of(1)
    assert each.of(1) is first and each.of(2) is not first and len(made) == 2
