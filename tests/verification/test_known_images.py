"""No uploader can find out whether somebody else has uploaded the same image: answers and times do not differ
between images that are already on the site and new ones.

One person uploads images. Another uploads the same ones and as many new ones, in random order, one at a time. What is
told of a known image has to equal, field by field, what its first uploader was told. Times are compared by the rank
test of Mann and Whitney. With an order drawn at random it is exact: with equal times it errs once in a million runs of
this file, as LEVEL splits 1e-6 over MEASURES. Of normal times it finds a shift of three standard deviations in 98 % of
runs. A copied result is off by far more: the same test has to notice the images that the second person uploads again,
which are copied.
"""

import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from scipy.stats import mannwhitneyu

from tests.builders import phantom, png_bytes
from tests.verification.client import Client
from tests.verification.security import tried
from tests.verification.services import Site

COUNT = 20
MEASURES = ("answered", "waited", "ran", "total")
LEVEL = 1e-6 / len(MEASURES)

PEOPLE = ("first-owner", "second-owner")
OPEN_ACCOUNTS = f"""
from django.contrib.auth.models import User
from django.core.management import call_command
for name in {PEOPLE}:
    User.objects.get_or_create(username=name)
    call_command("create_token", name)
"""
ONES_OWN = {"id", "scan", "case_id", "created", "queued", "started", "finished", "Date", "X-Request-ID"}
"""Ids and times. They say when somebody uploaded, and nothing of anybody else."""


@dataclass
class Uploads:
    """Of one kind of image. told: its file in the receipt, headers, and prediction, by number of the image."""

    told: dict[int, Any] = field(default_factory=dict)
    times: list[dict[str, float]] = field(default_factory=list)

    def of(self, measure: str) -> list[float]:
        return [row[measure] for row in self.times]


def differ(first: list[float], second: list[float]) -> bool:
    return bool(mannwhitneyu(first, second, method="exact").pvalue < LEVEL)


def upload(client: Client, images: dict[int, bytes], found: Uploads, *, case: str) -> None:
    """Upload images in one request, and wait for their results."""
    begun = time.perf_counter()
    status, receipt = client.upload(*(("scan.png", image) for image in images.values()), case=case)
    answered = time.perf_counter() - begun
    headers = dict(client.headers)
    assert status == 201, receipt
    for number, scan in zip(images, receipt["scans"], strict=True):
        row = client.wait(scan["prediction"]["id"])
        waited = time.perf_counter() - begun
        created, started, finished = (datetime.fromisoformat(row[name]) for name in ("created", "started", "finished"))
        assert created <= started <= finished, "a result's times are of its own run"
        assert row["attempts"] == 1
        found.told[number] = masked({"file": scan, "headers": headers, "row": row})
        ran, total = (finished - started).total_seconds(), row["milliseconds"]["total"]
        found.times.append(dict(zip(MEASURES, (answered, waited, ran, total), strict=True)))


def masked(value: Any) -> Any:
    """An answer without what is the uploader's own: ids, times and names. Durations keep their names."""
    match value:
        case dict():
            return {
                key: sorted(one) if key == "milliseconds" else masked(one)
                for key, one in value.items()
                if key not in ONES_OWN
            }
        case list():
            return [masked(one) for one in value]
        case str():
            return re.sub(r"\d+", "#", re.sub("|".join(PEOPLE), "owner", value))
        case float():
            return round(value, 3)  # images that run together may differ in the last digits
    return value


@pytest.fixture(scope="module")
def uploads(site: Site) -> Iterator[dict[str, Uploads]]:
    """By kind of image: what its `first` owner was told of what the second found `known`; `unknown` ones, and these
    `again`."""
    tokens = site.manage("shell", "--no-imports", "-c", OPEN_ACCOUNTS).split()
    first, second = (Client(site.url, token) for token in tokens)
    known, unknown = (
        {number: png_bytes(phantom(256, seed=number)) for number in range(start, start + COUNT)}
        for start in (10_000, 20_000)
    )
    found = {kind: Uploads() for kind in ("first", "known", "unknown", "again")}
    upload(first, known, found["first"], case="IMAGES")
    order = [*known, *unknown]
    random.Random(7).shuffle(order)
    for number in order:
        kind, image = ("known", known[number]) if number in known else ("unknown", unknown[number])
        upload(second, {number: image}, found[kind], case="IMAGES")
    upload(second, unknown, found["again"], case="IMAGES-AGAIN")
    yield found


@pytest.mark.attack("known-images")
def test_known_and_new_images_take_the_same_time(uploads: dict[str, Uploads]) -> None:
    known, unknown = uploads["known"], uploads["unknown"]
    tried(len(known.times) * len(MEASURES))
    assert [name for name in MEASURES if differ(known.of(name), unknown.of(name))] == []


@pytest.mark.parametrize("measure", ["ran", "total"])
def test_a_reused_result_would_show_in_the_times(uploads: dict[str, Uploads], measure: str) -> None:
    assert differ(uploads["again"].of(measure), uploads["unknown"].of(measure))


@pytest.mark.attack("known-images")
def test_a_known_image_is_answered_like_a_new_one(uploads: dict[str, Uploads]) -> None:
    first, known = uploads["first"].told, uploads["known"].told
    tried(len(known))
    assert known == first
    assert {bool(told["file"]["duplicate"]) for told in known.values()} == {False}
    assert uploads["again"].told != uploads["unknown"].told  # these say what they repeat
