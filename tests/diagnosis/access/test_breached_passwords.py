"""Passwords known from breaches, looked up in a sorted file and asked of a service that gets five characters."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from diagnosis import checks
from diagnosis.access import breached_passwords
from diagnosis.access.breached_passwords import NotChecked, is_breached

BREACHED = [f"password {number}" for number in range(300)]


def sha1(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    lines = sorted(f"{sha1(password)}:{number + 1}" for number, password in enumerate(BREACHED))
    path = tmp_path / "hashes.txt"
    path.write_bytes("\r\n".join(lines).encode())
    settings.BREACHED_PASSWORDS_FILE = str(path)
    return path


@pytest.fixture
def service(settings: Any) -> Iterator[SimpleNamespace]:
    """A range service that notes what it was asked."""
    state = SimpleNamespace(status=200, body="", asked=[], headers={})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.headers = dict(self.headers)
            self.send_response(state.status)
            self.send_header("Location", "/elsewhere/")
            self.end_headers()
            self.wfile.write(state.body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    settings.BREACHED_PASSWORDS_URL = f"http://127.0.0.1:{server.server_port}/range/"
    yield state
    server.shutdown()
    server.server_close()


def test_with_neither_file_nor_service_none_is_known() -> None:
    assert not is_breached(BREACHED[0])


def test_every_line_of_the_file_is_found_and_nothing_else(file: Path) -> None:
    assert [password for password in BREACHED if not is_breached(password)] == []
    assert not any(is_breached(f"another {number}") for number in range(300))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_files(file: Path, count: int) -> None:
    kept = BREACHED[:count]
    file.write_text("".join(f"{sha1(password).lower()}\n" for password in sorted(kept, key=sha1)))
    assert all(map(is_breached, kept))
    assert not is_breached(BREACHED[count])


def test_a_file_is_searched_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def counted(handle: Any, place: int) -> None:
        taken.append(place)
        original(handle, place)

    original = breached_passwords._to_next_line
    monkeypatch.setattr(breached_passwords, "_to_next_line", counted)
    is_breached("another")
    assert 0 < len(taken) <= 16  # of 300 lines, 13 KB


@pytest.mark.parametrize("content", [None, b"no hash\n" * 9])
def test_a_file_that_cannot_be_used_says_so(file: Path, content: bytes | None) -> None:
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(NotChecked, match="BREACHED_PASSWORDS_FILE"):
        is_breached(BREACHED[0])


def test_the_check_accepts_a_sorted_file_and_no_file(file: Path, settings: Any) -> None:
    assert checks.breached_passwords_file() == []
    settings.BREACHED_PASSWORDS_FILE = ""
    assert checks.breached_passwords_file() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"password\n", "is no SHA-1 hash"),
        (b"\n".join(sha1(password).encode() for password in BREACHED), "not sorted"),
    ],
)
def test_the_check_names_what_is_wrong(file: Path, content: bytes | None, said: str) -> None:
    file.unlink() if content is None else file.write_bytes(content)
    (error,) = checks.breached_passwords_file()
    assert error.is_serious() and said in error.msg


def test_the_service_learns_five_characters(service: SimpleNamespace) -> None:
    digest = sha1("password 0")
    service.body = f"{'0' * 35}:7\r\n{digest[5:]}:3\r\n"
    assert is_breached("password 0")
    assert service.asked == [f"/range/{digest[:5]}"]
    assert service.headers["Add-Padding"] == "true"
    assert digest[5:] not in str(service.headers)


def test_padding_is_no_breach(service: SimpleNamespace) -> None:
    service.body = f"{sha1('password 0')[5:]}:0\r\n{'0' * 35}:7\r\n"
    assert not is_breached("password 0")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_service_that_gives_no_answer(service: SimpleNamespace, status: int) -> None:
    service.status = status
    with pytest.raises(NotChecked, match=str(status)):
        is_breached("password 0")
    assert len(service.asked) == 1  # a redirect is not followed


def test_an_endless_answer_is_cut_off(service: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breached_passwords, "_MOST", 1000)
    service.body = "0" * 5000
    with pytest.raises(NotChecked, match="too long"):
        is_breached("password 0")


def test_a_service_that_is_away(settings: Any) -> None:
    settings.BREACHED_PASSWORDS_URL = "http://127.0.0.1:1/range/"
    with pytest.raises(NotChecked, match="cannot be reached"):
        is_breached("password 0")


def test_what_the_file_knows_is_not_asked_of_the_service(file: Path, service: SimpleNamespace) -> None:
    assert is_breached(BREACHED[0])
    assert service.asked == []
    assert not is_breached("another")
    assert len(service.asked) == 1
