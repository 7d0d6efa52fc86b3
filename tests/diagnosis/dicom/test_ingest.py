"""From intake's verdict to a DICOM failure reason, and from studies to cases."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from pydicom.uid import generate_uid

from diagnosis.dicom import ingest
from diagnosis.dicom.identity import identify
from diagnosis.dicom.ingest import InstanceOutcome, ReceivedInstance
from diagnosis.dicom.spool import Spool

Mr = Callable[..., bytes]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("too_large", 0xA700),
        ("dicom_too_large", 0xA700),
        ("transfer_syntax", 0xC122),
        ("not_mr", 0x0122),
        ("dicomdir", 0x0122),
        ("dicom_damaged", 0xC000),
        ("not_brain", 0xC000),
        ("lettering", 0xC000),
        ("a code of the future", 0xC000),
    ],
)
def test_failure_reasons(code: str, reason: int) -> None:
    assert ingest.failure_reason(code) == reason


@pytest.mark.django_db
def test_outcomes_keep_their_order_and_each_study_gets_a_receipt(user: User, mr: Mr) -> None:
    first, second = generate_uid(), generate_uid()
    files = [
        mr(0, StudyInstanceUID=first),
        mr(1, StudyInstanceUID=second, BodyPartExamined="KNEE"),
        mr(2, StudyInstanceUID=first),
    ]
    with Spool() as spool:
        received = [
            ReceivedInstance(identify(data), spool.add(f"{number}.dcm", [data], max_bytes=len(data)))
            for number, data in enumerate(files)
        ]
        outcomes, receipts = ingest.submit(received, user=user)
    identities = [one.identity for one in received]
    assert outcomes == [
        InstanceOutcome(identities[0]),
        InstanceOutcome(identities[1], 0xC000),
        InstanceOutcome(identities[2]),
    ]
    assert [(len(one.accepted), len(one.rejected)) for one in receipts] == [(2, 0), (0, 1)]
