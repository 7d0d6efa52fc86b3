"""One site per DATA_DIR, with a private secret key."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from brainscan import config
from brainscan.launcher import data_dir
from brainscan.launcher.errors import LaunchError

_HOLD = """
import sys
from pathlib import Path
from brainscan.launcher.data_dir import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_folder_is_made_private_with_its_parents(tmp_path: Path) -> None:
    folder = data_dir.resolve(str(tmp_path / "a" / "b"))
    assert folder.is_dir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match=r"DATA_DIR .*file/var"):
        data_dir.resolve(str(tmp_path / "file" / "var"))


def test_second_run_is_told_and_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LaunchError, match="already running"), data_dir.locked(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with data_dir.locked(tmp_path):
            pass


def test_secret_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    key = data_dir.secret_key(tmp_path)
    assert len(key) >= 64
    assert data_dir.secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_settings_of_a_fresh_site_can_be_read(tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path / "new")}
    data_dir.prepare(environ)
    assert environ == {"DATA_DIR": str(tmp_path / "new")}  # the key is in no process's environment
    assert config.secret_key("", data_dir=tmp_path / "new") == data_dir.secret_key(tmp_path / "new")


def test_a_secret_key_that_is_given_stands(tmp_path: Path) -> None:
    environ = {"DATA_DIR": str(tmp_path), "SECRET_KEY": "given"}
    data_dir.prepare(environ)
    assert environ["SECRET_KEY"] == "given"
    assert not (tmp_path / "secret_key").exists()


def test_secret_key_interrupted_while_written_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret_key.new").write_text("half")
    assert len(data_dir.secret_key(tmp_path)) >= 64


def test_what_is_open_to_others_is_closed_however_it_came_to_be(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    for name in ("db.sqlite3", "db.sqlite3-wal", "secret_key"):
        (folder / name).touch(mode=0o644)
    (folder / "storage").mkdir(mode=0o755)
    data_dir.resolve(str(folder))
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "storage")} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()} == {0o600}


def test_a_folder_that_all_users_share_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    with pytest.raises(LaunchError, match="shared by all users"):
        data_dir.resolve(str(tmp_path))
