"""A database error is explained as what it means for the person who waits."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import IntegrityError, InterfaceError, OperationalError
from django.test import Client
from psycopg import errors

from diagnosis.presentation.unavailable import of_error


def raised(cause: Exception, kind: type[Exception] = OperationalError) -> Exception:
    try:
        raise kind(str(cause)) from cause
    except Exception as error:
        return error


@pytest.mark.parametrize(
    ("cause", "status", "words"),
    [
        (psycopg.OperationalError("connection refused"), 503, "cannot be reached"),
        (errors.AdminShutdown(), 503, "cannot be reached"),
        (errors.TooManyConnections(), 503, "accepts no more connections"),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), 503, "accepts no more connections"),
        (errors.DeadlockDetected(), 503, "Two people changed"),
        (errors.SerializationFailure(), 503, "Two people changed"),
        (errors.LockNotAvailable(), 503, "busy"),
        (errors.DiskFull(), 507, "disk is full"),
    ],
)
def test_postgresql(cause: Exception, status: int, words: str) -> None:
    found = of_error(raised(cause))
    assert found is not None
    assert found.status == status
    assert words in found.reason


def test_a_locked_sqlite_is_busy(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    one, other = (sqlite3.connect(file, timeout=0, isolation_level=None) for _ in range(2))
    one.execute("BEGIN EXCLUSIVE")
    with pytest.raises(sqlite3.OperationalError) as caught:
        other.execute("BEGIN EXCLUSIVE")
    found = of_error(raised(caught.value))
    assert found is not None
    assert "busy" in found.reason
    one.close()
    other.close()


def test_a_full_sqlite_has_no_room(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.sqlite3") as full:
        full.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            full.execute("CREATE TABLE x (y)")
    full.close()
    found = of_error(raised(caught.value))
    assert found is not None
    assert (found.status, "disk is full" in found.reason) == (507, True)


def test_other_errors_are_not_explained() -> None:
    assert of_error(raised(errors.UniqueViolation(), IntegrityError)) is None
    assert of_error(ValueError("x")) is None
    assert of_error(None) is None
    assert of_error(InterfaceError("connection already closed")) is not None


@pytest.fixture
def database_down(as_user: Client) -> Iterator[None]:
    """Every new query fails, as when the server is stopped between two requests."""

    def refuse(*_: object, **__: object) -> None:
        raise raised(psycopg.OperationalError("connection refused"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.backends.utils.CursorWrapper.execute", refuse)
        yield


@pytest.mark.usefixtures("database_down")
@pytest.mark.parametrize("path", ["/history/", "/upload/", "/api/v1/scans/", "/health/ready", "/admin/"])
def test_pages_api_health_and_admin_answer_503_with_the_reason(as_user: Client, path: str) -> None:
    as_user.raise_request_exception = False
    response = as_user.get(path)
    assert response.status_code == 503
    assert "The database cannot be reached right now" in response.content.decode()
    if path.startswith(("/api", "/health")):
        assert response.headers["Content-Type"].endswith("json")
    if path != "/health/ready":
        assert response.headers["Retry-After"] == "5"
