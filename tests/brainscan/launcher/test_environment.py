"""What the programs are started with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainscan.launcher.environment import NEEDED_BY, for_programs, of_program, password_is_an_argument, unwanted
from tests.verification.security import tried


def _env(**environ: str) -> dict[str, str]:
    return for_programs(environ, data_dir=Path("/data"), port=8123, redis_url="unix:///data/s", cores=8)


def test_programs_do_not_get_the_password_of_the_first_account() -> None:
    made = dict.fromkeys(("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES"), " -- ADMIN_PASSWORD=secret")
    assert "secret" not in str(_env(ADMIN_PASSWORD="secret", **made))


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"ADMIN_PASSWORD": "secret", "MAKEFLAGS": " -- ADMIN_PASSWORD=secret"}, True),
        ({"MAKEFLAGS": "s -j2 -- PORT=8001 ADMIN_PASSWORD=a\\ b"}, True),
        ({"ADMIN_PASSWORD": "secret", "MAKEFLAGS": "s", "MAKELEVEL": "1"}, False),
        ({"ADMIN_PASSWORD": "secret"}, False),
        ({}, False),
    ],
)
def test_a_password_that_ps_shows_is_noticed(environ: dict[str, str], told: bool) -> None:
    assert password_is_an_argument(environ) is told


def test_make_says_that_a_variable_was_its_argument(tmp_path: Path) -> None:
    """By what make itself writes, not by what we think that it does."""
    (tmp_path / "Makefile").write_text("run:\n\t@env\n")
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    for arguments, told in ((["ADMIN_PASSWORD=a b"], True), ([], False)):
        command = ["make", "-s", "-C", str(tmp_path), "run", *arguments]
        shown = subprocess.check_output(command, text=True, env=outside_make | {"ADMIN_PASSWORD": "secret"})
        assert password_is_an_argument(dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)) is told


@pytest.mark.attack("secrets")
@pytest.mark.parametrize("program", ["web", "worker", "beat", "dicom", "demo"])
def test_each_program_gets_the_secrets_that_it_needs(program: str) -> None:
    every = dict.fromkeys([*NEEDED_BY, "SECRET_KEY", "DATABASE_URL", "PATH"], "x")
    got = of_program(every, program)
    tried(len(every))
    assert {"SECRET_KEY", "DATABASE_URL", "PATH"} <= set(got)
    assert (
        set(got) & set(NEEDED_BY)
        == {
            "web": set(NEEDED_BY),
            "worker": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
            "beat": set(),
            "dicom": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DEID_SECRET"},
            "demo": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DEID_SECRET"},
        }[program]
    )


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
    assert (_env(BIND=bind, HTTPS="")["HTTPS"], _env(BIND=bind, HTTPS="1")["HTTPS"]) == (https or "", "1")


@pytest.mark.parametrize(("port", "left_out"), [(None, {"dicom"}), ("", {"dicom"}), ("0", {"dicom"}), ("11112", set())])
def test_the_dicom_listener_is_there_for_its_port(port: str | None, left_out: set[str]) -> None:
    assert unwanted({} if port is None else {"DICOM_PORT": port}) == left_out
