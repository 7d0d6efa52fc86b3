"""Documents that are ZIP archives inside. Their images are not scans, so they are not unpacked."""

from ml.contracts import UnreadableImage
from ml.readers.unread import refusal

_OFFICE = (
    (b"word/", "a Word document"),
    (b"ppt/", "a PowerPoint presentation"),
    (b"xl/", "an Excel workbook"),
    (b"", "an Office document"),
)
"""Folders of an Office Open XML package (ECMA-376, part 2), which always has a file [Content_Types].xml."""
_MIMETYPES = (
    (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument text, sheet or presentation"),
    (b"mimetypeapplication/epub+zip", "an e-book (EPUB)"),
)
"""Both kinds start with a stored file `mimetype` (OpenDocument 1.3, part 2, 3.3)."""


def document(start: bytes, names: bytes = b"") -> UnreadableImage | None:
    """Why a ZIP archive is not unpacked, if it is a document. start: its first bytes. names: its files, one a line."""
    for mimetype, what in _MIMETYPES:
        if mimetype in start[:200]:
            return refusal("document", what)
    known = start + names
    if b"[Content_Types].xml" in known:
        return refusal("document", next(what for folder, what in _OFFICE if folder in known))
    if b"Index/Document.iwa" in known:
        return refusal("document", "a Pages, Numbers or Keynote document")
    files = names.splitlines()
    if files and all(name.endswith(b".npy") for name in files):
        return refusal("volume_format", "NumPy arrays (.npz)")
    return None
