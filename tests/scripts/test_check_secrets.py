"""Passwords and keys are found, and what is marked or made up is not. The secrets here are put together when run."""

import secrets
from pathlib import Path

import pytest

from scripts import check_secrets

RANDOM = secrets.token_urlsafe(48)
SECRETS = {
    "Private Key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "AWS Access Key": "key = 'AKIA" + "Z" * 8 + "QWERTY23'",
    "GitHub Token": "ghp_" + "aB3" * 12,
    "Basic Auth Credentials": "https://ada:" + "Xk29-qq@example.org/",
    "Secret Keyword": "password = '" + "Xk29-qqzz'",
    "Base64 High Entropy String": f'value = "{RANDOM}"',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests").mkdir()
    return tmp_path


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_found_and_not_shown(folder: Path, kind: str) -> None:
    (folder / "a.py").write_text(f"x = 1\n{SECRETS[kind]}\n")
    found = check_secrets.search([Path("a.py")])
    assert f"a.py:2: {kind}" in found
    assert "Xk29" not in str(found) and RANDOM not in str(found)


@pytest.mark.parametrize("kind", SECRETS)
def test_marked_lines_are_not_reported(folder: Path, kind: str) -> None:
    (folder / "a.py").write_text(f"{SECRETS[kind]}  # pragma: allowlist secret\n")
    assert check_secrets.search([Path("a.py")]) == []


@pytest.mark.parametrize("kind", SECRETS)
def test_in_tests_only_known_forms_of_secrets_are_reported(folder: Path, kind: str) -> None:
    (folder / "tests" / "test_a.py").write_text(f"{SECRETS[kind]}\n")
    found = check_secrets.search([Path("tests/test_a.py")])
    assert bool(found) is (kind not in ("Secret Keyword", "Base64 High Entropy String"))


@pytest.mark.parametrize(
    "line", ["https://user:password@host/", "password = '${POSTGRES_PASSWORD}'", "password = read()"]
)
def test_placeholders_are_not_reported(folder: Path, line: str) -> None:
    (folder / "a.py").write_text(f"{line}\n")
    assert check_secrets.search([Path("a.py")]) == []
