"""Rows for tests. Each factory makes a valid row, constraints included; state-dependent fields follow the state."""

import hashlib
import itertools
import json
import secrets
from datetime import timedelta
from typing import Any

import factory
import numpy as np
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.utils import timezone

from diagnosis.access import tokens
from diagnosis.models import ApiToken, Case, ModelVersion, Prediction, Review, Scan
from diagnosis.models.api_token import Scope
from diagnosis.models.prediction import ENDED, State
from ml.evidence.localize import locate
from ml.model.heads import CELLS
from ml.preprocess import Geometry
from tests.builders import phantom, png_bytes

_counter = itertools.count(1)
_SMALL_PNG = png_bytes(phantom(96))


def digest(text: object) -> str:
    """A sha256 to fill a column with."""
    return hashlib.sha256(str(text).encode()).hexdigest()


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"person{n}")
    password = factory.django.Password("correct horse battery")


def token_key(person: Any, *, scopes: tuple[str, ...] = tuple(Scope.values), **fields: Any) -> str:
    """The key of a new API token, which counts as just used: to note its use takes a query."""
    key = secrets.token_hex(32)
    columns = {"name": f"token {next(_counter)}", "scopes": list(scopes), "last_used": timezone.now()}
    ApiToken.objects.create(user=person, digest=tokens.digest(key), hint=key[:4], **columns | fields)
    return key


class CaseFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Case

    owner = factory.SubFactory(UserFactory)
    reference = factory.Sequence(lambda n: f"CASE-{n}")


class ScanFactory(factory.django.DjangoModelFactory):
    """A scan with real files: the image is a small phantom, the same for all unless `data` is given."""

    class Meta:
        model = Scan

    class Params:
        data = factory.LazyFunction(lambda: _SMALL_PNG)

    case = factory.SubFactory(CaseFactory)
    name = factory.Sequence(lambda n: f"axial_{n}.png")
    file = factory.LazyAttribute(lambda o: ContentFile(o.data, "x"))
    preview = factory.LazyAttribute(lambda o: ContentFile(_SMALL_PNG, "x"))
    thumbnail = factory.LazyAttribute(lambda o: ContentFile(_SMALL_PNG, "x"))
    format = "PNG"
    size = factory.LazyAttribute(lambda o: len(o.data))
    width = 96
    height = 96
    sha256 = factory.LazyFunction(lambda: digest(("file", next(_counter))))
    pixel_sha256 = factory.LazyFunction(lambda: digest(("pixels", next(_counter))))


class ModelVersionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ModelVersion

    name = "test-model"
    digest = factory.Sequence(lambda n: digest(("model", n)))
    path = "/nonexistent/test-model"
    # Any direction that is not opposite is above the floor, so that tests of similar cases may use round numbers.
    manifest = factory.LazyFunction(
        lambda: {"name": "test-model", "calibration": None, "threshold": 0.5, "similarity": {"floor": 1e-6}}
    )
    active = False


def evidence(
    *,
    cell: tuple[int, int] = (5, 9),
    strongest: float = 0.9,
    orientation: int = 1,
) -> dict[str, Any]:
    """What is stored of a map whose evidence lies around one cell (row, column) of a square image."""
    rows, columns = np.mgrid[:CELLS, :CELLS]
    cells = strongest * np.exp(-(((rows - cell[0]) ** 2 + (columns - cell[1]) ** 2) / 3))
    geometry = Geometry(x0=0, y0=0, side=96, pad_x=0, pad_y=0, width=96, height=96, orientation=orientation)
    stored: dict[str, Any] = json.loads(json.dumps(locate(cells, geometry=geometry).as_dict()))
    return stored


class PredictionFactory(factory.django.DjangoModelFactory):
    """By default a finished one that says tumor; give `state` for another."""

    class Meta:
        model = Prediction

    scan = factory.SubFactory(ScanFactory)
    model_version = factory.SubFactory(ModelVersionFactory)
    requested_by = factory.SelfAttribute("scan.case.owner")
    state = State.DONE
    queued = factory.LazyFunction(timezone.now)

    @classmethod
    def _create(cls, model_class: type[Prediction], *args: Any, **kwargs: Any) -> Prediction:
        prediction = model_class.for_scan(**(_fields_of(kwargs["state"], kwargs["queued"]) | kwargs))
        prediction.save()
        return prediction


def _fields_of(state: str, queued: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if state != State.QUEUED:
        fields |= {"started": queued + timedelta(milliseconds=20), "attempts": 1}
    if state in ENDED:
        fields["finished"] = queued + timedelta(milliseconds=320)
    if state == State.DONE:
        fields |= {
            "outcome": "tumor",
            "tumor_probability": 0.93,
            "type_probabilities": {"glioma": 0.81, "meningioma": 0.14, "pituitary": 0.05},
            "evidence": evidence(),
            "gate": {"accepted": True, "score": 0.8, "threshold": 0.02, "reason": None, "message": None},
            "engine": "tensorflow",
            "milliseconds": {"read": 1.0, "preprocess": 2.0, "forward": 150.0, "head": 0.5, "total": 153.5},
        }
    if state == State.REFUSED:
        fields |= {
            "outcome": "refused",
            "gate": {
                "accepted": False,
                "score": 0.0,
                "threshold": 0.02,
                "reason": "blank",
                "message": "The image is one flat shade: it has no contrast, so there is nothing to judge.",
            },
        }
    if state == State.FAILED:
        fields |= {"error_code": "internal", "error": "The analysis failed unexpectedly."}
    return fields


class ReviewFactory(factory.django.DjangoModelFactory):
    """By default a signed one that says tumor, of the newest prediction's scan; give `state` for another."""

    class Meta:
        model = Review

    class Params:
        at = factory.LazyFunction(timezone.now)

    scan = factory.SubFactory(ScanFactory)
    reader = factory.SubFactory(UserFactory)
    state = "signed"
    mode = "open"
    finding = "tumor"
    pixel_sha256 = factory.SelfAttribute("scan.pixel_sha256")
    committed = factory.LazyAttribute(lambda o: None if o.state == "draft" else o.at)
    revealed = factory.LazyAttribute(lambda o: o.committed or (o.at if o.mode == "open" else None))
    signed = factory.LazyAttribute(lambda o: o.at if o.state == "signed" else None)
    signed_by = factory.LazyAttribute(lambda o: o.reader if o.state == "signed" else None)
