"""What the programs are started with."""

import sys
from pathlib import Path

import pytest

from brainscan.launcher.environment import for_programs, unwanted


def _env(**environ: str) -> dict[str, str]:
    return for_programs(environ, data_dir=Path("/data"), port=8123, redis_url="unix:///data/s", cores=8)


def test_the_password_of_the_first_account_stays_here() -> None:
    made = dict.fromkeys(("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES"), " -- ADMIN_PASSWORD=secret")
    assert "secret" not in str(_env(ADMIN_PASSWORD="secret", **made))


def test_what_the_programs_share() -> None:
    env = _env(PATH="/usr/bin")
    assert (env["DATA_DIR"], env["PORT"], env["REDIS_URL"]) == ("/data", "8123", "unix:///data/s")
    assert env["PATH"].split(":") == [str(Path(sys.executable).parent), "/usr/bin"]


@pytest.mark.parametrize(("workers", "threads"), [("", None), ("1", None), ("2", "4"), ("16", "1")])
def test_workers_share_the_cores(workers: str, threads: str | None) -> None:
    assert _env(WORKERS=workers).get("TF_NUM_INTRAOP_THREADS") == threads


def test_a_choice_of_the_user_stands() -> None:
    assert _env(WORKERS="2", OMP_NUM_THREADS="3")["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(("bind", "https"), [("", "0"), ("127.0.0.1", "0"), ("[::1]", "0"), ("0.0.0.0", None)])
def test_plain_http_is_for_the_loopback_only(bind: str, https: str | None) -> None:
    assert _env(BIND=bind).get("HTTPS") == https


@pytest.mark.parametrize(("port", "left_out"), [(None, {"dicom"}), ("", {"dicom"}), ("0", {"dicom"}), ("11112", set())])
def test_the_dicom_listener_is_there_for_its_port(port: str | None, left_out: set[str]) -> None:
    assert unwanted({} if port is None else {"DICOM_PORT": port}) == left_out
