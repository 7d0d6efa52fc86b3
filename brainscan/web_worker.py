"""gunicorn's threaded worker, which gives a request a thread only once it has arrived, so that slow clients hold none.

gunicorn gives a connection a thread with its first byte. A hundred clients that send a byte now and then take every
thread, and no page is served. Here the main loop receives a request: its head, and its body if that is small. A large
body is read by a thread, at most three quarters of which may do so at once, and a client that sends it too slowly is
cut off.
"""

import re
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

RECEIVE_SECONDS = 10.0
"""How long head and small body may take, from the first look at the connection."""
SMALL_BODY = 32 * 1024
MAX_HEAD = 64 * 1024
STALL_SECONDS = 30.0
"""How long a client may neither send nor take anything."""
SLOWEST = 1000
"""Bytes per second at which a large body must arrive, at least, once it has been arriving for STALL_SECONDS."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,19})[ \t]*\r\n", re.IGNORECASE)
_BY_THREAD = re.compile(rb"\r\n(transfer-encoding|expect|upgrade):", re.IGNORECASE)


@dataclass(slots=True)
class Request:
    """The part of a request that has arrived so far. deadline: by the monotonic clock."""

    deadline: float
    data: bytes = b""

    @property
    def head_is_whole(self) -> bool:
        return b"\r\n\r\n" in self.data

    @property
    def is_large(self) -> bool:
        """Whether a thread must read its body. Needs the whole head."""
        head, _, _ = self.data.partition(b"\r\n\r\n")
        head += b"\r\n"
        return bool(_BY_THREAD.search(head)) or self._length(head) > SMALL_BODY

    @property
    def is_whole(self) -> bool:
        """Whether the body has arrived, too. Needs the whole head."""
        head, _, body = self.data.partition(b"\r\n\r\n")
        return len(body) >= self._length(head + b"\r\n")

    @staticmethod
    def _length(head: bytes) -> int:
        found = _LENGTH.search(head)
        return int(found[1]) if found else 0


class TimedSocket(socket.socket):
    """Blocks for at most STALL_SECONDS, and gives up on a large body that arrives too slowly."""

    def __init__(self, plain: socket.socket) -> None:
        super().__init__(fileno=plain.detach())
        self._since, self._received = time.monotonic(), 0

    def setblocking(self, flag: bool) -> None:
        self.settimeout(STALL_SECONDS if flag else 0.0)

    def begin(self) -> None:
        """A thread begins to read."""
        self._since, self._received = time.monotonic(), 0

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        data = super().recv(bufsize, flags)
        self._received += len(data)
        taken = time.monotonic() - self._since
        if data and taken > STALL_SECONDS and self._received < SLOWEST * taken:
            raise TimeoutError("the client sends too slowly")
        return data


class Worker(ThreadWorker):  # type: ignore[misc]
    """All but `handle`, which runs in the threads, happens in the main loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._receiving: dict[TConn, Request] = {}
        self._large: set[TConn] = set()
        self._waiting: deque[TConn] = deque()
        self._most_large = max(1, self.cfg.threads * 3 // 4)

    def enqueue_req(self, conn: TConn) -> None:
        """Receive a request, then give it to a thread."""
        if self.cfg.is_ssl or (conn.initialized and conn.parser.unreader.buf.getvalue()):
            super().enqueue_req(conn)
            return
        if not isinstance(conn.sock, TimedSocket):
            conn.sock = TimedSocket(conn.sock)
        conn.sock.setblocking(False)
        self._receiving[conn] = Request(time.monotonic() + RECEIVE_SECONDS)
        self.poller.register(conn.sock, selectors.EVENT_READ, lambda _: self._receive(conn))
        self._receive(conn)

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """As the base class does; then the next large request gets its turn."""
        if conn in self._large:
            self._large.discard(conn)
            if self._waiting:
                self._start_large(self._waiting.popleft())
        super().finish_request(conn, fs)

    def murder_keepalived(self, force: bool = False) -> None:
        """As the base class does, but a request that came while this loop was busy is answered.

        With it unread the connection would be reset. A browser sends again then; a script fails, and nginx says 502.
        """
        now = time.monotonic()
        for conn in [] if force else list(self.keepalived_conns):
            if conn.timeout <= now and self._has_data(conn):
                self.on_client_socket_readable(conn, conn.sock)
        super().murder_keepalived(force)

    def murder_pending(self) -> None:
        """Close what has not become a request in time; when stopping, what is not yet one."""
        super().murder_pending()
        now = time.monotonic()
        for conn, request in list(self._receiving.items()):
            if now > request.deadline or not self.alive:
                self._drop(conn)

    @staticmethod
    def _has_data(conn: TConn) -> bool:
        try:
            return bool(socket.socket.recv(conn.sock, 1, socket.MSG_PEEK))
        except OSError:
            return False

    def _receive(self, conn: TConn) -> None:
        request = self._receiving[conn]
        try:
            chunk = socket.socket.recv(conn.sock, 65536)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        request.data += chunk
        if not chunk or (not request.head_is_whole and len(request.data) > MAX_HEAD):
            self._drop(conn)
        elif request.head_is_whole and (request.is_large or request.is_whole):
            del self._receiving[conn]
            self.poller.unregister(conn.sock)
            conn.data_ready = True
            conn.init()
            conn.parser.unreader.unread(request.data)
            if not request.is_large:
                super().enqueue_req(conn)
            elif len(self._large) < self._most_large:
                self._start_large(conn)
            else:
                self._waiting.append(conn)

    def _start_large(self, conn: TConn) -> None:
        self._large.add(conn)
        conn.sock.begin()
        super().enqueue_req(conn)

    def _drop(self, conn: TConn) -> None:
        del self._receiving[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
