"""Environment variables become settings, or an error that names the variable."""

import os
import re
import subprocess
import sys
from pathlib import Path

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver

from brainscan import config
from brainscan.env import Environment


def test_secret_key_from_environment_then_file_then_error(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        config.secret_key("", data_dir=tmp_path)
    (tmp_path / "secret_key").write_text("from-file\n")
    assert config.secret_key("", data_dir=tmp_path) == "from-file"
    assert config.secret_key("given", data_dir=tmp_path) == "given"


@pytest.mark.parametrize(
    "url, broker",
    [
        ("redis://h:1/2", "redis://h:1/2"),
        ("rediss://h", "rediss://h?ssl_cert_reqs=required"),
        ("rediss://h/0?ssl_ca_certs=/a", "rediss://h/0?ssl_ca_certs=/a&ssl_cert_reqs=required"),
        ("rediss://h?ssl_cert_reqs=none", "rediss://h?ssl_cert_reqs=none"),
        ("unix:///a/b.sock", "redis+socket:///a/b.sock"),
        ("unix:///a/b.sock?db=3", "redis+socket:///a/b.sock?virtual_host=3"),
    ],
)
def test_broker_url(url: str, broker: str) -> None:
    assert config.broker_url(url) == broker


def test_broker_url_of_another_kind() -> None:
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        config.broker_url("amqp://x")


def test_sqlite_waits_and_writes_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    options = config.database(environ.Env(), data_dir=tmp_path)["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


def test_database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h:5433/n")
    options = config.database(environ.Env(), data_dir=tmp_path)
    assert (options["ENGINE"], options["HOST"], options["PORT"]) == ("django.db.backends.postgresql", "h", 5433)


@pytest.mark.filterwarnings("ignore:Engine not recognized")
@pytest.mark.parametrize("url", ["/srv/db.sqlite3", "db", "postgres://h:port/n"])
def test_a_database_url_that_cannot_be_read(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        config.database(environ.Env(), data_dir=tmp_path)


def test_storage(tmp_path: Path) -> None:
    default = config.storage("", data_dir=tmp_path)
    assert default["OPTIONS"] == {"location": str(tmp_path / "storage"), "base_url": None}
    s3 = config.storage("s3://scans?endpoint_url=http://h:9000", data_dir=tmp_path)
    assert s3["OPTIONS"]["bucket_name"] == "scans"
    assert s3["OPTIONS"]["endpoint_url"] == "http://h:9000"
    for own in ("file:///srv/scans", "file://localhost/srv/scans"):
        assert config.storage(own, data_dir=tmp_path)["OPTIONS"]["location"] == "/srv/scans"
    # A plain path would leave everything in DATA_DIR, and a relative one would lose its first part.
    for wrong in ("ftp://x", "s3://", "s3://b?acl=public", "/srv/scans", "scans", "file://srv/scans", "file:scans"):
        with pytest.raises(ImproperlyConfigured, match="STORAGE_URL"):
            config.storage(wrong, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), ("TRUE", True), ("on ", True), ("0", False), ("no", False), ("False", False), ("", None)],
)
@pytest.mark.parametrize("default", [True, False])
def test_a_switch(value: str, on: bool | None, default: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS", value)
    assert Environment().bool("HTTPS", default=default) is (default if on is None else on)


@pytest.mark.slow
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_is_as_one_that_is_not_set(empty: str, tmp_path: Path) -> None:
    names = ["DATABASE_URL", *re.findall(r"env\.\w+\(\s*\"(\w+)\"", Path("brainscan/settings.py").read_text())]
    assert len(names) > 40
    tell = "from brainscan import settings as s; print({n: v for n, v in vars(s).items() if n.isupper()}, end='')"
    told = []
    for given in ({}, dict.fromkeys(names, empty)):
        env = {name: os.environ[name] for name in ("PATH",)} | given | {"DATA_DIR": str(tmp_path), "SECRET_KEY": "k"}
        done = subprocess.run([sys.executable, "-c", tell], env=env, capture_output=True, text=True, check=True)
        told.append(re.sub(r" at 0x\w+", "", done.stdout))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("HTTPS", "enabled", "is 'enabled'; it is 1 or 0"),
        ("CASE_BY_PATIENT", "t", "is 't'; it is 1 or 0"),
        ("WORKERS", "0", "must be at least 1"),
        ("WORKERS", "two", "must be a whole number"),
        ("TASK_TIME_LIMIT", "0", "must be at least 1"),
        ("PREVALENCE", "rare", "must be a number"),
        ("DICOM_PORT", "-1", "is -1; it is a port"),
        ("DICOM_PORT", "65536", "is 65536; it is a port"),
        ("API_RATE", "1200", "is '1200'; it is a number per sec"),
        ("API_RATE", "0/min", "is '0/min'; it is a number per sec"),
    ],
)
@pytest.mark.slow
def test_a_value_that_cannot_be_stops_the_start(name: str, value: str, hint: str) -> None:
    assert f"ImproperlyConfigured: {name} {hint}" in start_with(**{name: value})


def start_with(**environment: str) -> str:
    """What a program that reads the settings says with this environment."""
    run = [sys.executable, "-c", "import brainscan.settings"]
    done = subprocess.run(run, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode
    return done.stderr


def test_engine() -> None:
    assert config.engine("auto") == "auto"
    with pytest.raises(ImproperlyConfigured, match="valid engines: auto, ncnn, tensorflow"):
        config.engine("onnx")


def test_an_engine_that_is_not_installed_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.engines.find_spec", lambda _: None)
    with pytest.raises(ImproperlyConfigured, match="'ncnn', but ncnn is not installed: there is no wheel"):
        config.engine("ncnn")
    assert config.engine("auto") == "auto"


def test_the_sweep_has_a_queue_that_every_worker_takes_from() -> None:
    from django.conf import settings

    [queue] = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    root = Path(settings.BASE_DIR)
    for file in ("Procfile", "compose.yaml"):
        [worker] = [line for line in (root / file).read_text().splitlines() if "brainscan worker" in line]
        assert f"-Q celery,{queue} " in worker


@pytest.mark.parametrize("start", [b"\0\1\0\0", b"true", b"ttcf" + bytes(8) + b"\0\0\0\x10" + b"\0\1\0\0"])
def test_a_truetype_font_for_reports(tmp_path: Path, start: bytes) -> None:
    font = tmp_path / "font.ttf"
    font.write_bytes(start + bytes(40))
    assert config.report_font(str(font)) == str(font)
    assert config.report_font("") == ""


@pytest.mark.parametrize("start", [b"OTTO", b"", b"text", b"ttcf" + bytes(8) + b"\0\0\0\x10" + b"OTTO"])
def test_another_font_for_reports_is_named(tmp_path: Path, start: bytes) -> None:
    font = tmp_path / "font.otf"
    font.write_bytes(start)
    with pytest.raises(ImproperlyConfigured, match=r"REPORT_FONT .* is no TrueType font"):
        config.report_font(str(font))
    with pytest.raises(ImproperlyConfigured, match=r"REPORT_FONT .* cannot be read: No such file"):
        config.report_font(str(tmp_path / "none.ttf"))


@pytest.mark.parametrize("value", ["", "/", "a/b", "Admin", "-x", "a b", "..", "cases", "api", "x" * 65])
def test_an_admin_path_that_no_address_can_have(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ADMIN_PATH"):
        config.admin_path(value)


def test_the_admin_takes_no_other_page_s_address() -> None:
    assert config.admin_path("office-7") == "office-7"
    found = set()
    for pattern in get_resolver().url_patterns:
        nested = pattern.url_patterns if str(pattern.pattern) == "" else [pattern]  # type: ignore[union-attr]
        found |= {re.split(r"[/(\[]", str(one.pattern).lstrip("^"))[0] for one in nested}
    assert found - {"", "admin"} <= config.TAKEN_PATHS


@pytest.mark.parametrize("url", ["", "https://passwords.example/range/", "http://127.0.0.1:8000/"])
def test_service_of_breached_passwords(url: str) -> None:
    assert config.breached_passwords_url(url) == url


@pytest.mark.parametrize("url", ["http://passwords.example/range/", "https://passwords.example/range", "range/"])
def test_service_of_breached_passwords_that_anybody_could_answer_for(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="BREACHED_PASSWORDS_URL"):
        config.breached_passwords_url(url)
