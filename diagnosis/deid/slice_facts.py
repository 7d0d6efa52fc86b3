"""What may be kept of the facts that tell a series' slices apart.

They are only ever compared: text and large numbers become keyed hashes, and times are shifted by a secret amount, the
same for a whole series, so that their distances stay and their dates are gone.
"""

import hashlib
import hmac
import re
from dataclasses import replace

from diagnosis.deid.tags import LARGEST
from ml.readers.dicom.series import HASHED
from ml.readers.dicom.slice_facts import NUMBERED, SliceFacts

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]\d+)?")
_TEXTS = frozenset({"PatientID", "StudyInstanceUID", "FrameOfReferenceUID", "ProtocolName", "SeriesDescription"})
"""Labels that are hashed even where they look like a number."""
_SHIFT = 20 * 365 * 86_400
"""Seconds: times are shifted by less than this."""


def clean(facts: SliceFacts, *, series: str, instance: str, secret: bytes) -> SliceFacts:
    """The facts as they are stored. series, instance: the UIDs that replace the file's. secret: this site's key."""
    shift = int.from_bytes(_keyed(secret, f"time\0{series}")[:8], "big") % _SHIFT
    return replace(
        facts,
        labels={name: _label(name, text, secret) for name, text in facts.labels.items()},
        sequence={
            name: number if name in NUMBERED else round(number + shift, 3)
            for name, number in facts.sequence.items()
            if name not in NUMBERED or abs(number) <= LARGEST
        },
        instance=instance,
    )


def _label(name: str, text: str, secret: bytes) -> str:
    if name not in _TEXTS and _NUMBER.fullmatch(text) and abs(float(text)) <= LARGEST:
        return text
    return HASHED + _keyed(secret, f"label\0{name}\0{text}").hex()[:12]


def _keyed(secret: bytes, text: str) -> bytes:
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()
