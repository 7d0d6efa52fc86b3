"""A hundred slow connections: others notice nothing."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # set when it is imported

from tests.verification import reliability
from tests.verification.client import Client
from tests.verification.services import Site

SLOW = 100
SECTION = "Slow and hostile clients"
REQUESTS = {
    "heads": b"GET /login/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "small bodies": b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\na=",
    "large bodies": b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\na=",
    "nothing": b"",
}


@contextmanager
def slow_clients(site: Site, begin: bytes) -> Iterator[None]:
    """SLOW open connections that have sent the start of a request and send one more byte every half second."""
    address = urlsplit(site.url)
    over = threading.Event()
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection((address.hostname, address.port))) for _ in range(SLOW)]
        for line in lines:
            line.sendall(begin)

        def drip() -> None:
            while begin and not over.wait(0.5):
                for line in lines:
                    try:
                        line.sendall(b"x")
                    except OSError:
                        continue  # the site has closed it

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield
        over.set()
        thread.join()


def page_seconds(client: Client, pages: int) -> float:
    """The longest of so many pages."""
    longest = 0.0
    for _ in range(pages):
        started = time.monotonic()
        assert client.get("/login/")[0] == 200
        longest = max(longest, time.monotonic() - started)
    return longest


@pytest.mark.parametrize("kind", REQUESTS)
def test_slow_clients_stop_no_page(site: Site, kind: str) -> None:
    client = Client(site.url, site.token())
    alone = page_seconds(client, 5)
    with slow_clients(site, REQUESTS[kind]):
        beside = page_seconds(client, 20)
    reliability.record(
        fault=f"{SLOW} open connections, slow with {kind}",
        section=SECTION,
        times=1,
        at_stake="20 pages",
        lost=0,
        doubled=0,
        outage=beside,
    )
    print(f"slow {kind}: a page took {alone:.2f} s at most alone, {beside:.2f} s beside {SLOW} slow connections")
    assert beside < alone + 2


def is_echoed(port: int, *, address: str, name: str) -> bool:
    """Whether a scanner at this address gets its C-ECHO answered.

    pynetdicom does not close the socket of a connection that the listener has reset, so this does.
    """
    opened: list[socket.socket] = []
    entity = AE(ae_title=name)
    entity.add_requested_context(Verification)
    entity.acse_timeout = entity.connection_timeout = 3
    association = entity.associate(
        "127.0.0.1",
        port,
        ae_title="BRAINSCAN",
        bind_address=(address, 0),
        evt_handlers=[(evt.EVT_CONN_OPEN, lambda event: opened.append(event.assoc.dul.socket.socket))],
    )
    try:
        return association.is_established and association.send_c_echo().get("Status") == 0
    finally:
        association.release()
        for line in opened:
            line.close()


def stay_silent(port: int) -> None:
    """Open connections to the DICOM listener and say nothing: they are closed, and another scanner is answered."""
    begun = time.monotonic()
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(40)]
        longest = 0.0
        for _ in range(5):
            started = time.monotonic()
            assert is_echoed(port, address="127.0.0.2", name="SECOND")
            longest = max(longest, time.monotonic() - started)
        for line in lines:
            line.settimeout(20)
            with suppress(ConnectionResetError):
                assert line.recv(100) == b""
        closed = time.monotonic() - begun
    reliability.record(
        fault=f"{len(lines)} silent DICOM connections from one address",
        section="Slow and hostile clients",
        times=1,
        at_stake=f"5 C-ECHOs of another scanner; all silent ones were closed within {closed:.0f} s",
        lost=0,
        doubled=0,
        outage=longest,
    )
    assert closed < 15 and longest < 2
