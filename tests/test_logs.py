"""Log lines: of which request and prediction, and never a file's name, a case's reference or a search."""

import json
import logging
from io import StringIO
from typing import Any

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from structlog.testing import capture_logs

from brainscan import config
from diagnosis.inference import pipeline
from diagnosis.models import Prediction
from tests import builders
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db

SECRET = ("jane-doe", "MRN-4711", "jane+doe", "jane doe", "jane%20doe")


@pytest.fixture
def lines() -> Any:
    """Everything logged at INFO, as the site writes it with LOG_FORMAT=json."""
    layout = config.logging(level="INFO", form="json")["formatters"]["line"]
    formatter = layout.pop("()")(**layout)
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("django_structlog").setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)
    logging.getLogger("django_structlog").setLevel(logging.WARNING)


def test_another_format_stops_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT is 'xml'; it must be logfmt or json"):
        config.logging(level="INFO", form="xml")


def test_a_logger_in_use_is_captured_after_the_layout_was_read_again() -> None:
    logger = structlog.get_logger("tests.in_use")
    logger.info("first line")
    config.logging(level="INFO", form="json")
    with capture_logs() as logs:
        logger.info("second line")
    assert [line["event"] for line in logs] == ["second line"]


def test_a_day_leaves_no_name_in_the_log(
    as_user: Client, model_version: Any, monkeypatch: pytest.MonkeyPatch, lines: Any
) -> None:
    def upload(name: str, data: bytes) -> None:
        as_user.post("/upload/", {"case": "MRN-4711", "files": SimpleUploadedFile(name, data)})

    upload("jane-doe.png", builders.png_bytes())
    upload("jane-doe-broken.png", b"\x89PNG\r\n\x1a\nbroken")
    prediction = Prediction.objects.get()
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model(0.9))
    pipeline.run(prediction_id=prediction.pk)
    for address in ("/history/?q=jane+doe", f"/predictions/{prediction.pk}/", "/history/?case=MRN-4711", "/none/"):
        as_user.get(address)
    as_user.post("/login/", {"username": "jane doe", "password": "jane doe"})
    said = lines()
    assert all({"timestamp", "level", "event"} <= set(line) for line in said)
    requests = [line for line in said if line["event"] == "request_finished"]
    assert len(requests) >= 6
    assert all(line.get("request_id") for line in requests)
    everything = "\n".join(map(json.dumps, said)).lower()
    assert [word for word in SECRET if word.lower() in everything] == []


def test_a_probe_that_is_told_not_ready_leaves_no_error(client: Client, settings: Any, lines: Any) -> None:
    """A process manager and the launcher ask each second; a page that answers 503 is another matter."""
    settings.ML_MODEL = "/nonexistent/model"
    assert client.get("/health/ready").status_code == 503
    assert [line for line in lines() if line["level"] == "error" or line["event"] == "request_finished"] == []
    assert client.get("/health/live").status_code == 200
    assert [line["event"] for line in lines()].count("request_finished") == 1
