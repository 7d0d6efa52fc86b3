"""A new SECRET_KEY for a site whose key is a file in DATA_DIR. The old one stays valid, and pseudonyms stay."""

from pathlib import Path

from brainscan.launcher import data_dir


def rotate(folder: Path, *, key: str, fallbacks: list[str], deid_secret: bytes) -> None:
    """Put a new key in the place of `key`. Raises LaunchError while the site runs, as its programs keep the old one.

    Each step leaves a site that works: the new key comes last.
    """
    with data_dir.locked(folder):
        if not (folder / "deid_secret").exists():  # by default it follows from SECRET_KEY
            data_dir.write(folder / "deid_secret", deid_secret.hex())
        kept = [key, *(one for one in fallbacks if one != key)]
        data_dir.write(folder / "secret_key_fallbacks", "".join(f"{one}\n" for one in kept))
        data_dir.write(folder / "secret_key", data_dir.new_key())
