"""How much an archive may hold, and the errors for one that holds more, or nothing."""

from ml.contracts import UnreadableImage

MAX_MEMBERS = 5_000
MAX_MEMBER = 512_000_000
"""Bytes of one file, unpacked."""
MAX_TOTAL = 2_000_000_000
"""Bytes of all files, unpacked."""
MAX_ENTRIES = 4 * MAX_MEMBERS
"""Entries of any kind, folders and skipped files included."""
MAX_RATIO = 200
"""How many times its packed size data beyond UNSUSPICIOUS may unpack to. Slices pack to a half or a tenth; DEFLATE
reaches 1,032, with nothing but zeros."""
UNSUSPICIOUS = 16_000_000
"""Bytes that any file may unpack to, however small it was packed: a slice that is all background is no attack."""
MAX_LIST = 4_000_000
"""Bytes of a ZIP archive's list of files, which is read in one go: 200 for each of MAX_ENTRIES."""
MAX_HEADERS = 1_000_000
"""Bytes of a tar archive between the contents of two files: long names and comments, which tarfile reads in one go."""


def empty(*, left_behind: bool, dicomdir: bool) -> UnreadableImage:
    """left_behind, dicomdir: whether it holds files of these kinds, which are skipped."""
    if dicomdir:
        found = "only a DICOMDIR, the list of a CD's files. Pack the folders that stand beside it, too"
    elif left_behind:
        found = "only files that the operating system leaves behind, such as __MACOSX. Pack the scans again"
    else:
        found = "no file. Pack the scans again"
    return UnreadableImage("archive_empty", f"There is no image in the archive: it holds {found}.")


def too_many() -> UnreadableImage:
    return UnreadableImage("archive_too_many", f"The archive holds more than {MAX_MEMBERS:,} files.")


def list_too_large() -> UnreadableImage:
    return UnreadableImage(
        "archive_too_many", f"The archive's list of files is larger than {MAX_LIST // 1_000_000} MB."
    )


def too_large_in_all() -> UnreadableImage:
    return UnreadableImage("archive_too_large", f"The archive unpacks to more than {MAX_TOTAL // 1_000_000:,} MB.")


def member_too_large() -> UnreadableImage:
    return UnreadableImage(
        "archive_member_too_large", f"This file of the archive unpacks to more than {MAX_MEMBER // 1_000_000} MB."
    )


def bomb(what: str) -> UnreadableImage:
    """what: begins the sentence."""
    return UnreadableImage("archive_bomb", f"{what} unpacks to far more than images do. Pack it again.")
