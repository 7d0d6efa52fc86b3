"""Fixtures for the worker's side: calls whose messages are sent, as if each were a transaction of its own."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Any) -> Callable[..., Any]:
    """Call a function, then what it left for the commit. Tests run in a transaction that never commits."""

    def call(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return function(*args, **kwargs)

    return call
