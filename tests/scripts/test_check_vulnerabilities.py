"""A database counts only if it knows vulnerabilities; without one the check says so."""

import json
import subprocess
from typing import Any

import pytest

from scripts import check_vulnerabilities
from tests.scripts.serving import serving

KNOWN = json.dumps({"vulnerabilities": [{"id": "CVE-1"}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "wrong"),
    [(404, b"", "pypi: HTTP Error 404"), (200, b'{"info": {}}', "no database of them"), (200, b"[]", "no JSON object")],
)
def test_a_mirror_without_vulnerabilities_is_no_database(status: int, body: bytes, wrong: str) -> None:
    with serving(lambda path, headers: (status, {}, body)) as host:
        service, problems = check_vulnerabilities.usable({"pypi": f"http://{host}/"})
    assert service is None
    assert wrong in problems[0]


def test_the_next_database_is_asked_when_one_has_no_answer() -> None:
    with serving(lambda path, headers: (404, {}, b"") if path == "/pypi" else (200, {}, b'{"vulns": [1]}')) as host:
        databases = {"pypi": f"http://{host}/pypi", "osv": f"http://{host}/osv"}
        assert check_vulnerabilities.usable(databases)[0] == "osv"


def test_without_a_database_it_says_why_nothing_was_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_vulnerabilities, "DATABASES", {"pypi": "http://127.0.0.1:9/"})
    assert check_vulnerabilities.main() == 0
    assert "Not checked for known vulnerabilities: pypi: " in capsys.readouterr().err


@pytest.mark.parametrize("vulnerable", [False, True])
def test_every_lock_that_runs_beside_data_is_checked(monkeypatch: pytest.MonkeyPatch, vulnerable: bool) -> None:
    asked: list[str] = []

    def run(command: list[str], **_: Any) -> Any:
        asked.append(command[-1])
        assert {"--strict", "--require-hashes", "pypi"} <= set(command)
        return subprocess.CompletedProcess(command, int(vulnerable and len(asked) == 1))

    monkeypatch.setattr(subprocess, "run", run)
    with serving(lambda path, headers: (200, {}, KNOWN)) as host:
        monkeypatch.setattr(check_vulnerabilities, "DATABASES", {"pypi": f"http://{host}/"})
        assert check_vulnerabilities.main() == int(vulnerable)
    assert asked == [f"requirements-{name}.lock" for name in ("serve", "train", "demo")]
