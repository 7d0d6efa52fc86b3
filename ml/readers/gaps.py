"""The notes on slices that do not lie at even distances, and how to know them.

A length in mm that counts such slices by their usual distance would be wrong.
"""

from collections.abc import Iterable

MISSING = "Slices are missing in"
VARIES = "The spacing varies:"
"""How the notes begin."""


def is_uneven(notes: Iterable[str]) -> bool:
    """Whether one of a series' notes says so."""
    return any(note.startswith((MISSING, VARIES)) for note in notes)
