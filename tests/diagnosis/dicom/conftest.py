"""A C-STORE listener, and MR objects as a scanner sends them, of an invented patient who must never be named."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partialmethod
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from pydicom.uid import generate_uid
from pynetdicom.transport import AssociationServer

from diagnosis.dicom.store_scp import StoreScp
from tests.builders import dicom_bytes, phantom
from tests.diagnosis.dicom.sender import OPTIONS, Start

NAME = "Doe^Jane"
"""The patient's name in every object sent by these tests."""


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    """The memory cache outlives a test, and with it what the throttle has counted."""
    cache.clear()


@pytest.fixture
def listeners_stop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They look a hundred times a second whether to stop, not twice."""
    monkeypatch.setattr(AssociationServer, "serve_forever", partialmethod(AssociationServer.serve_forever, 0.01))


@pytest.fixture
def start(user: User, listeners_stop_at_once: None) -> Iterator[Start]:
    """Starts a listener; its port."""
    running: list[StoreScp] = []

    def run(**changes: Any) -> int:
        running.append(StoreScp(replace(OPTIONS, **changes)))
        return running[-1].start()

    yield run
    for one in running:
        one.stop()


@pytest.fixture
def mr() -> Callable[..., bytes]:
    """Makes an MR file; seed: another image for each. Tags may be given."""

    def make(seed: int = 0, **tags: Any) -> bytes:
        tags = {"PatientName": NAME, "PatientID": "4711", "SOPInstanceUID": generate_uid()} | tags
        return dicom_bytes(phantom(96, seed=seed), **tags)

    return make
