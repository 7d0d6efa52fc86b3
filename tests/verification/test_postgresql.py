"""The fast suite's database tests, run again on PostgreSQL, where writers overlap."""

import os
import subprocess
import sys

import pytest

from tests.verification.servers import postgres_server
from tests.verification.services import ROOT

FILES = (
    "tests/diagnosis/test_database_errors.py",
    "tests/diagnosis/test_hostile_addresses.py",
    "tests/diagnosis/models/test_models.py",
    "tests/diagnosis/models/test_review.py",
    "tests/diagnosis/reviews",
    "tests/diagnosis/access/test_audit_chain.py",
    "tests/diagnosis/access/test_lockout.py",
    "tests/diagnosis/access/test_ownership.py",
    "tests/diagnosis/access/test_pagination.py",
    "tests/diagnosis/access/test_passkeys.py",
    "tests/diagnosis/access/test_second_factor.py",
    "tests/diagnosis/api/contract.py",
    "tests/diagnosis/cases",
    "tests/diagnosis/inference/test_races.py",
    "tests/diagnosis/intake/test_races.py",
    "tests/diagnosis/migrations/test_rolling.py",
    "tests/diagnosis/models/test_migrations.py",
    "tests/diagnosis/uploads",
    "tests/diagnosis/worklist/test_races.py",
    "tests/diagnosis/views/test_history.py",
    "tests/diagnosis/views/test_history_walk.py",
)
SECONDS = 900
"""A slow machine that does something else beside it takes more than five minutes."""


@pytest.mark.timeout(SECONDS + 30)
def test_database_tests_pass_on_postgresql() -> None:
    with postgres_server() as database_url:
        plugins = ("-p", "no:randomly", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *plugins, *FILES]
        environment = os.environ | {"DATABASE_URL": database_url}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert "skipped" not in done.stdout
