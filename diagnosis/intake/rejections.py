"""Why a file is not accepted: the sentence that its uploader reads, on the page, in the API and in DICOM responses.

Each comes with an `UnreadableImage`, raised where the rule is checked: damaged files, unknown formats and limits in
`ml.readers`, whatever cannot be de-identified in `diagnosis.deid`. The rules of intake itself are here, and so is the
one function that turns any of them into a line of the receipt.
"""

import hashlib

from diagnosis.intake import previews
from diagnosis.intake.decoded import Decoded
from diagnosis.intake.receipt import Rejected
from diagnosis.models import Case, Scan
from ml.contracts import UnreadableImage

CONFIRMABLE = "lettering"
"""The code of the one rule that an uploader may overrule."""


def rejected(error: UnreadableImage, *, name: str) -> Rejected:
    return Rejected(name, error.code, error.message)


def question(decoded: Decoded, content: bytes, *, name: str, with_image: bool) -> Rejected:
    """Ask whether the text in a file's images is a name. content: the file's bytes."""
    error = burned_in_text()
    return Rejected(
        name,
        error.code,
        error.message,
        confirmable=True,
        sha256=hashlib.sha256(content).hexdigest(),
        image=previews.jpeg(decoded.shown_for_text.preview) if with_image else b"",
    )


def too_large(limit: int) -> UnreadableImage:
    """limit: megabytes."""
    return UnreadableImage("too_large", f"The file is larger than {limit} MB, the most that is accepted.")


def burned_in_text() -> UnreadableImage:
    return UnreadableImage(
        CONFIRMABLE,
        "There seems to be text in this image. Look at it: if a name, a date or a number of the patient is among it, "
        "cut it away or export the image without it. If not, confirm that, and it is accepted.",
    )


def takes_too_long() -> UnreadableImage:
    return UnreadableImage(
        "takes_too_long",
        "Decoding this file takes longer than the site allows, although it is not large. Export it again, uncompressed "
        "or as PNG.",
    )


def takes_too_much() -> UnreadableImage:
    return UnreadableImage(
        "takes_too_much", "Decoding this file takes more memory than the site allows. Export it again in smaller parts."
    )


def decoder_ended() -> UnreadableImage:
    return UnreadableImage(
        "decoder_ended", "The decoder crashed on this file, so the file must be damaged. Export it again."
    )


def no_slices() -> UnreadableImage:
    return UnreadableImage("no_slices", "The file can be read, but it holds no slice that can be judged.")


def in_trash(scan: Scan) -> UnreadableImage:
    """The case that was asked for holds the same image, deleted."""
    return UnreadableImage(
        "in_trash",
        f"The case {scan.case.reference} has this image in the trash, as {scan.name}. Restore it there, or upload it "
        "to another case.",
    )


def case_in_trash(case: Case) -> UnreadableImage:
    return UnreadableImage(
        "case_in_trash",
        f"The case {case.reference} is in the trash. Restore it there, or choose another reference.",
    )


def reading_kept(scan: Scan) -> UnreadableImage:
    """The file shows that two scans are one, and the one that would go has a signed reading which the site keeps."""
    return UnreadableImage(
        "reading_kept",
        f"With this file {scan.name} of case {scan.case.reference} would become part of another scan, and its signed "
        "reading, which this site has to keep, would be lost. Upload the whole series to another case.",
    )


def no_room() -> UnreadableImage:
    """The disk became full while an upload was under way; files of it that came before are kept."""
    return UnreadableImage(
        "no_room", "There was no room left for this file: the site's disk is full. Send it again later."
    )


def not_stored() -> UnreadableImage:
    return UnreadableImage("not_stored", "The file could be read but not stored. The cause is in the server's log.")
