"""The embedded Valkey keeps its data, cleans up after a killed run, and lives in a folder of any name."""

import os
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from brainscan.launcher.errors import LaunchError
from brainscan.launcher.valkey import EmbeddedValkey, socket_path
from tests.processes import only_linux, started_with

pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    """A DATA_DIR short enough for a socket, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="bs-") as name:
        yield Path(name)


def _store(server: EmbeddedValkey, value: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("key", value)


def _stored(server: EmbeddedValkey) -> object:
    with redis.Redis.from_url(server.url) as client:
        return client.get("key")


def test_what_was_stored_survives_a_restart(folder: Path) -> None:
    server = EmbeddedValkey(folder)
    server.start()
    _store(server, "1")
    server.stop()
    server.stop()
    assert not server.socket.exists()
    server.start()
    try:
        assert _stored(server) == b"1"
    finally:
        server.stop()


@only_linux
def test_it_knows_next_to_nothing_of_the_launchers_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ADMIN_PASSWORD", "DATABASE_URL", "MAKEFLAGS"):
        monkeypatch.setenv(name, "secret")
    server = EmbeddedValkey(folder)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            given = started_with(client.info("server")["process_id"])
    finally:
        server.stop()
    assert given["DATA_DIR"] == str(folder)
    assert set(given) <= {"PATH", "TMPDIR", "DATA_DIR"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainscan.launcher.program.FIRST_PAUSE", 0.01)


@pytest.mark.usefixtures("quick")
def test_a_server_that_is_killed_starts_again_with_what_was_stored(folder: Path) -> None:
    server, over = EmbeddedValkey(folder), threading.Event()
    server.start()
    keeper = threading.Thread(target=server.keep_running, kwargs={"stopped": over})
    keeper.start()
    try:
        with redis.Redis.from_url(server.url, retry=Retry(ConstantBackoff(0.1), 100)) as client:
            client.set("key", "1")
            client.execute_command("WAITAOF", 1, 0, 0)
            for _ in range(2):
                pid = client.info("server")["process_id"]
                os.kill(pid, signal.SIGKILL)
                assert client.get("key") == b"1"
                assert client.info("server")["process_id"] != pid
    finally:
        over.set()
        server.stop()
        keeper.join(10)
    assert not keeper.is_alive()


@pytest.mark.usefixtures("quick")
def test_a_server_that_ends_again_and_again_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedValkey(folder)
    server.start()
    try:
        wait = server.wait

        def killed() -> int:
            if server._process:
                server._process.kill()
            return wait()

        monkeypatch.setattr(server, "wait", killed)
        with pytest.raises(LaunchError, match="ended 6 times, last with status -9"):
            server.keep_running(stopped=threading.Event())
    finally:
        server.stop()


def test_server_of_a_killed_run_is_ended_first(folder: Path) -> None:
    orphan, server = EmbeddedValkey(folder), EmbeddedValkey(folder)
    orphan.start()
    try:
        _store(orphan, "1")
        server.start()
        assert orphan.wait() == 0
        assert _stored(server) == b"1"
    finally:
        server.stop()
        orphan.stop()


@pytest.mark.parametrize("name", ["x" * 120, "with space", "100%?"])
def test_folder_that_no_socket_or_url_can_have(folder: Path, name: str) -> None:
    deep = folder / name
    deep.mkdir()
    server = EmbeddedValkey(deep)
    assert len(str(server.socket)) < 100
    server.start()
    try:
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        _store(server, "1")
        assert list((deep / "valkey").glob("appendonlydir/*"))
    finally:
        server.stop()
    assert not server.socket.parent.exists()


def test_short_folder_made_by_somebody_else_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    deep = folder / ("x" * 120)
    deep.mkdir()
    (folder / "elsewhere").mkdir()
    socket_path(deep).parent.symlink_to(folder / "elsewhere")
    with pytest.raises(LaunchError, match="belongs to somebody else"):
        EmbeddedValkey(deep).start()


def test_server_that_cannot_start_shows_its_log(folder: Path) -> None:
    server = EmbeddedValkey(folder)
    (folder / "valkey").mkdir()
    (folder / "valkey" / "appendonlydir").write_text("not a folder")
    with pytest.raises(LaunchError, match=r"did not start(.|\n)*appendonlydir") as caught:
        server.start()
    assert str(server.log) in str(caught.value)


def test_only_the_owner_may_connect(folder: Path) -> None:
    server = EmbeddedValkey(folder)
    server.start()
    try:
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("port") == {"port": "0"}
    finally:
        server.stop()
