"""When a request is there, so that a thread may take it. In verification the worker itself meets slow clients."""

import selectors
import socket
import time

import gunicorn
import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn

from brainscan import web_worker
from brainscan.web_worker import SMALL_BODY, Request, TimedSocket, Worker

HEAD = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("data", "head", "large", "whole"),
    [
        (b"GET / HTTP/1.1\r\nHost: l\r\n", False, False, False),
        (b"GET / HTTP/1.1\r\nHost: l\r\n\r\n", True, False, True),
        (HEAD + b"content-length: 3\r\n\r\nab", True, False, False),
        (HEAD + b"Content-Length:3\r\n\r\nabc", True, False, True),
        (HEAD + b"X-Content-Length: 90000000\r\n\r\n", True, False, True),
        (HEAD + b"Content-Length: %d\r\n\r\n" % (SMALL_BODY + 1), True, True, False),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", True, True, True),
        (HEAD + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", True, True, False),
        (HEAD + b"Content-Length: 9" + b"9" * 30 + b"\r\n\r\n", True, False, True),  # gunicorn refuses it
    ],
)
def test_a_request_is_whole_once_its_head_and_a_small_body_have_arrived(
    data: bytes, head: bool, large: bool, whole: bool
) -> None:
    request = Request(0.0, data)
    assert request.head_is_whole is head
    if head:
        assert (request.is_large, request.is_whole) == (large, whole)


def test_a_client_that_sends_too_slowly_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with TimedSocket(ours) as timed, theirs:
        timed.setblocking(True)
        assert timed.gettimeout() == web_worker.STALL_SECONDS
        timed.begin()
        theirs.sendall(b"x" * 50_000)
        now[0] += web_worker.STALL_SECONDS + 10
        assert len(timed.recv(50_000)) > 0
        now[0] += 1000
        theirs.sendall(b"x")
        with pytest.raises(TimeoutError):
            while True:
                timed.recv(50_000)


@pytest.mark.parametrize(("sent", "answered"), [(b"GET / HTTP/1.1\r\n\r\n", True), (b"", False)])
def test_a_request_that_came_as_its_connection_expired_is_answered(
    sent: bytes, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed with it unread, the connection would be reset; one that nobody uses is closed."""
    config = Config()
    worker = Worker(1, 0, [], None, 30, config, Logger(config))
    worker.poller, given = selectors.DefaultSelector(), list[TConn]()
    monkeypatch.setattr(worker, "enqueue_req", given.append)
    ours, theirs = socket.socketpair()
    with worker.poller, ours, theirs:
        conn = TConn(config, ours, "", "")
        conn.timeout = time.monotonic() - 1
        worker.keepalived_conns.append(conn)
        worker.poller.register(ours, selectors.EVENT_READ)
        worker.nr_conns = 1
        theirs.sendall(sent)
        worker.murder_keepalived()
        assert given == ([conn] if answered else [])
        assert (worker.nr_conns, ours.fileno() == -1) == ((1, False) if answered else (0, True))
        assert not worker.keepalived_conns
        assert not worker.poller.get_map()
    worker.tmp.close()


def test_the_wrapped_internals_were_checked_in_this_version_of_gunicorn() -> None:
    assert gunicorn.__version__ == "27.0.1", (
        "gunicorn has changed, and brainscan/web_worker.py relies on internals of its gthread worker. Check in the new "
        "version that enqueue_req() still hands a connection to a thread, that the parser still reads what was given "
        "back by conn.parser.unreader.unread() first, that data_ready, nr_conns and keepalived_conns mean the same, "
        "and that gunicorn.http.wsgi.SERVER (brainscan/gunicorn.py) is still what it calls itself in answers; run "
        "tests/verification/test_slow_clients.py. Then put the new version here."
    )
