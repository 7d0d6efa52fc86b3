"""Fixtures for all tests: people, private folders, and a queue that remembers instead of sending.

Unit tests need no server: files go to a temporary folder, the cache stays in memory, messages are recorded. The real
broker, database servers, model and browser are exercised in tests/verification.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from diagnosis.similarity import embedding_index
from tests.factories import ModelVersionFactory, UserFactory

DATA = Path(os.environ.get("BRAINSCAN_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


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
    embedding_index.index.cache_clear()  # rows of another test's database are gone
    yield


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[int]:
    """Ids of the predictions that would have gone to the broker, in order."""
    ids: list[int] = []
    if not request.node.get_closest_marker("verification"):
        monkeypatch.setattr(
            "diagnosis.inference.broker.send", lambda prediction_id, not_before=None: ids.append(prediction_id)
        )
        monkeypatch.setattr("diagnosis.inference.broker.length", lambda: 0)
    return ids


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
