"""Notes on slices that are unevenly spaced or not straight above each other, and how to recognize these notes.

A length in mm that counts such slices by their usual distance would be wrong, and so would a plane cut from them.
"""

from collections.abc import Iterable

MISSING = "Slices are missing in"
VARIES = "The spacing varies:"
SLANTED = "The sform in the file is odd:"
"""How the notes begin."""


def is_uneven(notes: Iterable[str]) -> bool:
    """Whether one of a series' notes says so."""
    return any(note.startswith((MISSING, VARIES, SLANTED)) for note in notes)
