"""Files that keep a decoder busy, and huge ones, delay nobody else's uploads."""

import threading
import time

import pytest

from tests import builders
from tests.verification import reliability
from tests.verification.client import Client
from tests.verification.security import tried
from tests.verification.services import Site

SECTION = "Slow and hostile clients"


@pytest.mark.attack("hostile")
def test_one_persons_huge_file_delays_nobody_else(site: Site) -> None:
    site.manage("shell", "-c", "from django.contrib.auth.models import User; User.objects.create_user('other')")
    mine, theirs = Client(site.url, site.token()), Client(site.url, site.token("other"))
    started = time.monotonic()
    assert theirs.upload(("alone.png", builders.png_bytes(builders.phantom(256, seed=9000))))[0] == 201
    alone = time.monotonic() - started
    huge = [
        ("volume.nii", builders.nifti_bytes(400, size=160)),
        ("scans.jpg", builders.jpeg_with_scans(6000, size=160)),
    ]
    tried(len(huge))
    receipts: list[dict[str, object]] = []
    uploads = [threading.Thread(target=lambda one=one: receipts.append(mine.upload(one)[1])) for one in huge]
    for upload in uploads:
        upload.start()
    longest, number = 0.0, 0
    while any(upload.is_alive() for upload in uploads):
        number += 1
        started = time.monotonic()
        assert theirs.upload((f"{number}.png", builders.png_bytes(builders.phantom(256, seed=9000 + number))))[0] == 201
        longest = max(longest, time.monotonic() - started)
    codes = {one["code"] for receipt in receipts for one in receipt["rejected"]}  # type: ignore[attr-defined]
    reliability.record(
        fault="a volume of 400 slices and a JPEG of 6,000 passes, uploaded by another person",
        section=SECTION,
        times=1,
        at_stake=f"{number} uploads of one image",
        lost=0,
        doubled=0,
        outage=longest,
    )
    print(f"an upload took {alone:.2f} s alone, {longest:.2f} s at most beside a volume and a hostile file")
    assert "too_many_scans" in codes
    assert longest < alone + 5  # the longest of many, beside two full decoders; without limits it is 30 and more
