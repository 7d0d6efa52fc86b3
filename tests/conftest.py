"""Fixtures for all tests: people, private folders, and a queue of their own.

Files go to a temporary folder, the cache stays in memory, and messages go to an embedded Valkey that every process of
pytest starts once and every test finds empty. No worker takes them, so a test can look at what was sent. Workers,
database servers, the model and browsers are exercised in tests/verification.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from kombu.exceptions import OperationalError

from brainscan.launcher.valkey import EmbeddedValkey
from diagnosis.inference import broker
from diagnosis.migrations import _audit_triggers
from diagnosis.models import Review
from diagnosis.similarity import embedding_index
from tests.factories import ModelVersionFactory, UserFactory
from tests.queue import Queue
from tests.verification import security

DATA = Path(os.environ.get("BRAINSCAN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """`make reliability` and `make verify` note what the attacks among the tests tried."""
    report = yield
    security.note_test(item, report)
    return report


@pytest.fixture(autouse=True)
def _isolated(settings: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """No test touches real storage, a real broker or hashed static names; password hashing is made cheap."""
    if request.node.get_closest_marker("verification"):
        yield
        return
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "storage"), "base_url": None},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    cache.clear()
    embedding_index.index.cache_clear()  # rows of another test's database are gone
    yield


@pytest.fixture(autouse=True)
def _kept_rows_can_be_flushed(request: pytest.FixtureRequest) -> Iterator[None]:
    """The database keeps committed reviews and the audit trail; a test that commits its transactions ends by deleting
    every row."""
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction")) and "transactional_db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    Review.objects.update(purging=True)
    if connection.vendor == "sqlite":  # PostgreSQL truncates, which no trigger of a row sees
        delete_audit_trail()


def delete_audit_trail() -> None:
    triggers: Any = _audit_triggers  # migrations have no types
    with connection.schema_editor() as editor:
        triggers.drop(None, editor)
        editor.execute("DELETE FROM diagnosis_disclosure")
        editor.execute("DELETE FROM diagnosis_auditevent")
        triggers.create(None, editor)


@pytest.fixture(scope="session")
def valkey() -> Iterator[redis.Redis]:
    """A client of the embedded server at this process's REDIS_URL."""
    server = EmbeddedValkey(Path(os.environ["DATA_DIR"]))
    server.start()
    with redis.Redis.from_url(server.url) as client:
        yield client
    server.stop()


@pytest.fixture(autouse=True)
def sent(request: pytest.FixtureRequest) -> Queue | None:
    """The queue, empty at first. None in verification, where each site has one of its own."""
    if request.node.get_closest_marker("verification"):
        return None
    client = request.getfixturevalue("valkey")
    client.flushdb()
    return Queue(client)


@pytest.fixture
def broker_down(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The broker does not answer, and refuses messages."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    settings.REDIS_URL = f"unix://{tmp_path}/nowhere.sock"
    monkeypatch.setattr("diagnosis.inference.broker.current_app.send_task", refuse)
    broker._client.cache_clear()
    yield
    broker._client.cache_clear()


@pytest.fixture
def user(db: None) -> User:
    """A staff member with cases of their own."""
    return UserFactory(username="ada")


@pytest.fixture
def other_user(db: None) -> User:
    """Another staff member, who must see nothing of the first one's."""
    return UserFactory(username="grace")


@pytest.fixture
def reader(db: None) -> User:
    """A member of the group that sees all cases and changes none of others."""
    person = UserFactory(username="reader")
    person.groups.add(Group.objects.get(name="reader"))
    return person


@pytest.fixture
def admin(db: None) -> User:
    """A superuser."""
    return UserFactory(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def as_user(client: Client, user: User) -> Client:
    """A browser in which `user` is logged in."""
    client.force_login(user)
    return client


@pytest.fixture
def model_version(db: None) -> Any:
    """The active model version."""
    return ModelVersionFactory(active=True)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans; skips where it is absent."""
    if not (DATA / "scans.csv").is_file():
        pytest.skip(f"needs real MRI data: {DATA.name}/scans.csv is not there (set BRAINSCAN_DATA)")
    return DATA
