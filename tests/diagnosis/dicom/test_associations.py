"""Who may open an association with the C-STORE listener, how many at a time, and how one ends."""

import contextlib
import gc
import socket
import struct
import threading
import time
import warnings
from typing import Any

import pytest
from pydicom.uid import MRImageStorage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ASSOCIATE_RJ

from diagnosis.dicom import limits, store_scp
from diagnosis.dicom.allowed_aes import AllowedAE
from diagnosis.dicom.store_scp import StoreScp
from diagnosis.dicom.supported_contexts import VERIFICATION
from tests.diagnosis.dicom.sender import CALLED_AE, CALLING_AE, LOCAL_LIMIT, OPTIONS, Start, associate, rejection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("allowed", "title", "called", "reason"),
    [
        ((), "MR1", "BRAINSCAN", CALLING_AE),
        ((AllowedAE("MR1"),), "MR2", "BRAINSCAN", CALLING_AE),
        ((AllowedAE("MR1", "192.0.2.1"),), "MR1", "BRAINSCAN", CALLING_AE),
        ((AllowedAE("MR1"),), "MR1", "OTHER", CALLED_AE),
    ],
)
def test_callers_not_on_the_list_are_rejected(
    start: Start, allowed: tuple[AllowedAE, ...], title: str, called: str, reason: tuple[int, int, int]
) -> None:
    assert rejection(start(allowed=allowed), title=title, called=called) == reason


def test_a_stop_lets_a_rejected_association_close(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """An abort in that state would end its thread with an error, which fails a test."""
    send, sent = DULServiceProvider._send, threading.Event()

    def sends_slowly(self: DULServiceProvider, pdu: Any) -> None:
        send(self, pdu)
        if isinstance(pdu, A_ASSOCIATE_RJ):
            sent.set()
            time.sleep(0.3)

    monkeypatch.setattr(DULServiceProvider, "_send", sends_slowly)
    listener = StoreScp(OPTIONS)
    assert rejection(listener.start(), title="MR2") == CALLING_AE
    assert sent.is_set()
    listener.stop()
    for thread in threading.enumerate():
        if isinstance(thread, DULServiceProvider):
            thread.join(10)


def test_other_sop_classes_are_not_negotiated(start: Start) -> None:
    association = associate(start())
    accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
    association.release()
    assert accepted == {VERIFICATION, MRImageStorage}


def test_simultaneous_associations_are_limited(start: Start) -> None:
    port = start()
    held = [associate(port) for _ in range(store_scp.MAX_ASSOCIATIONS)]
    assert all(one.is_established for one in held)
    assert rejection(port) == LOCAL_LIMIT
    for one in held:
        one.release()
    assert _is_taken_again(port)


def test_an_oversized_data_unit_is_refused_at_its_first_bytes(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the sender is even known."""
    port = start()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(struct.pack(">BBL", 1, 0, 0xFFFFFFF0))
        line.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(100) == b""
    assert limits.MAX_PDU < 0xFFFFFFF0
    ready = associate(port)
    assert ready.is_established
    ready.release()


def _closed(line: socket.socket, *, within: float) -> bool:
    line.settimeout(within)
    try:
        return line.recv(100) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.slow
def test_silent_connections_are_closed_and_one_address_holds_few(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_scp, "_ANSWER_SECONDS", 3)
    port = start()
    with contextlib.ExitStack() as stack:
        lines = []
        for _ in range(store_scp._FROM_ONE_ADDRESS + 1):
            lines.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)))
        assert _closed(lines[-1], within=20)
        assert all(_closed(line, within=20) for line in lines[:-1])
    assert _is_taken_again(port)


def _is_taken_again(port: int) -> bool:
    """The listener notices within moments that its side of a connection has ended; until then it closes new ones."""
    for _ in range(100):
        later = associate(port)
        if later.is_established:
            later.release()
            return True
        with warnings.catch_warnings():  # pynetdicom's client leaves a connection open that the listener closes
            warnings.simplefilter("ignore", ResourceWarning)
            del later
            gc.collect()
        time.sleep(0.1)
    return False


def test_noise_ends_only_its_connection(start: Start) -> None:
    port = start()
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x04\x00\x00\x00\x00\x06" + b"x" * 6, b"\x01\x00\x00\x00\x00\x02xx"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall(noise)
    ready = associate(port)
    assert ready.send_c_echo().Status == 0x0000
    ready.release()
