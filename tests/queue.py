"""What lies in the worker's queue: a view of the real messages in the test's Valkey."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, overload

import redis

from diagnosis.inference.broker import QUEUE


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a task. not_before: when the worker may start it; None: at once."""

    task: str
    prediction_id: int
    not_before: datetime | None


class Queue(Sequence[int]):
    """The ids of the predictions that were sent to the worker, oldest first; compares with a list of ids."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def messages(self) -> list[Message]:
        """All messages that wait, oldest first."""
        return [_message(json.loads(raw)) for raw in reversed(self._client.lrange(QUEUE, 0, -1))]

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return [message.prediction_id for message in self.messages()][index]

    def __len__(self) -> int:
        return int(self._client.llen(QUEUE))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Queue({list(self)})"


def _message(envelope: dict[str, Any]) -> Message:
    """Celery's message protocol 2 in kombu's Redis envelope."""
    _args, kwargs, _embed = json.loads(base64.b64decode(envelope["body"]))
    eta = envelope["headers"]["eta"]
    return Message(
        task=envelope["headers"]["task"],
        prediction_id=kwargs["prediction_id"],
        not_before=datetime.fromisoformat(eta) if eta else None,
    )
