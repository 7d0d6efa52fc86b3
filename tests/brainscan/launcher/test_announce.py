"""Waiting for site and worker, and what is printed then."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from brainscan.launcher.announce import Readiness, banner, wait_until_ready

_LOADING = (200, {"worker": {"ready": False}, "model": {"ready": True, "problem": ""}})
_READY = (200, {"worker": {"ready": True}, "model": {"ready": True, "problem": ""}})
_NO_BROKER = (503, {"worker": {"ready": False}, "model": {"ready": True, "problem": ""}})
_NO_MODEL = (503, {"worker": {"ready": False}, "model": {"ready": False, "problem": "No model."}})
_NO_REPORT = (200, "busy")


@contextmanager
def _site(*answers: tuple[int, Any]) -> Iterator[str]:
    """A server that gives these answers in turn, the last one for ever."""
    waiting = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/health/ready"
            status, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_waits_for_the_worker() -> None:
    with _site(_NO_REPORT, _NO_BROKER, _LOADING, _READY) as url:
        assert wait_until_ready(url, seconds=10, pause=0.01) == Readiness(ready=True)


def test_a_missing_model_is_told_at_once() -> None:
    with _site(_NO_MODEL) as url:
        assert wait_until_ready(url, seconds=10, pause=0.01) == Readiness(ready=False, problem="No model.")


@pytest.mark.parametrize("answer", [_LOADING, _NO_BROKER])
def test_waiting_for_the_site_ends_at_its_time_limit(answer: tuple[int, Any]) -> None:
    with _site(answer) as url:
        assert not wait_until_ready(url, seconds=0.2, pause=0.01).ready


def test_ends_with_the_site() -> None:
    assert not wait_until_ready("http://127.0.0.1:1", seconds=60, stopped=lambda: True).ready


def _banner(**changes: Any) -> str:
    shown: dict[str, Any] = {
        "url": "http://127.0.0.1:8123",
        "data_dir": Path("/data"),
        "username": "admin",
        "password": None,
        "password_given": False,
        "state": Readiness(ready=True),
    }
    return banner(**shown | changes)


def test_banner_shows_address_account_and_password() -> None:
    text = _banner(password="one-time")
    for part in ("is ready", "http://127.0.0.1:8123", "admin", "one-time", "never a diagnosis"):
        assert part in text


def test_banner_never_repeats_a_password_that_is_known() -> None:
    assert "ADMIN_PASSWORD" in _banner(password_given=True)
    assert "changepassword admin" in _banner()


def test_banner_says_why_nothing_can_be_predicted() -> None:
    assert "cannot predict: No model." in _banner(state=Readiness(ready=False, problem="No model."))
