"""The part of the environment that a child process gets if it needs nothing but the system and Python.

The environment of a site holds its secrets. A process that reads strangers' files, or is not ours, has no use for them.
"""

from collections.abc import Mapping

_NAMES = frozenset({"PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"})
_PREFIXES = ("LC_", "PYTHON", "MALLOC_", "OMP_", "OPENBLAS_", "MKL_")
_SITE = "DATA_DIR"  # tells the processes of several sites apart


def reduced(environ: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """Paths, language, what Python and its libraries read, DATA_DIR, and what starts with one of `prefixes`."""
    kept = (*_PREFIXES, *prefixes)
    return {name: value for name, value in environ.items() if name in _NAMES or name == _SITE or name.startswith(kept)}
