"""`check --deploy` is clean with a strong key and nothing else: the settings are secure unless told otherwise."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.slow

SET_HERE = ("DEBUG", "HTTPS", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "ML_MODEL")


def check(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SET_HERE}
    fresh = {"DATA_DIR": str(tmp_path), "SECRET_KEY": secrets.token_urlsafe(64)}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        command, env=inherited | fresh | environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("environment", [{}, {"HTTPS": "1", "ALLOWED_HOSTS": "scans.example.org"}])
def test_the_check_is_clean(tmp_path: Path, environment: dict[str, str]) -> None:
    done = check(tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"HTTPS": "0"}, "security.W010"),
        ({"DEBUG": "1"}, "security.W018"),
        ({"SECRET_KEY": "short"}, "security.W009"),
        ({"ML_MODEL": "/nonexistent"}, "diagnosis.W001"),
    ],
)
def test_the_check_complains_of_what_is_open(tmp_path: Path, environment: dict[str, str], complaint: str) -> None:
    done = check(tmp_path, **environment)
    assert done.returncode != 0
    assert complaint in done.stderr
