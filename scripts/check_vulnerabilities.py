"""Checks the locks for known vulnerabilities, by pip-audit; run by `make vulnerabilities`.

Says why it checks nothing where no database can be reached. A mirror of the package index often answers without
vulnerabilities, and pip-audit would then find every package clean, so a database counts only if it knows those of a
version that has some.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements-serve.lock", "requirements-train.lock", "requirements-demo.lock")
"""What runs where data of people is. The tools of developers see none."""
_KNOWN = ("django", "3.2.0")
"""A version with known vulnerabilities."""
DATABASES = {
    "pypi": f"https://pypi.org/pypi/{_KNOWN[0]}/{_KNOWN[1]}/json",
    "osv": "https://api.osv.dev/v1/query",
}
"""By pip-audit's name of the service, where it is asked for that version."""


def usable(databases: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """The first database that knows the vulnerabilities of the known version, and what is wrong with those before."""
    wrong = []
    for service, address in databases.items():
        try:
            known = _ask(address, body=_query() if service == "osv" else None)
        except (OSError, ValueError) as error:
            wrong.append(f"{service}: {error}")
            continue
        if known.get("vulnerabilities") or known.get("vulns"):
            return service, wrong
        wrong.append(f"{service}: knows of none in {' '.join(_KNOWN)}, so it is no database of them")
    return None, wrong


def main() -> int:
    service, wrong = usable(DATABASES)
    if service is None:
        print(f"Not checked for known vulnerabilities: {'; '.join(wrong)}.", file=sys.stderr)
        return 0
    found = 0
    for lock in LOCKS:
        print(f"Asking {service} about {lock}", flush=True)
        options = ["--disable-pip", "--require-hashes", "--strict", "--vulnerability-service", service]
        command = [sys.executable, "-m", "pip_audit", *options, "--requirement", lock]
        found |= subprocess.run(command, cwd=ROOT).returncode
    return found


def _query() -> bytes:
    name, version = _KNOWN
    return json.dumps({"package": {"name": name, "ecosystem": "PyPI"}, "version": version}).encode()


def _ask(address: str, *, body: bytes | None) -> dict[str, Any]:
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own addresses  # nosec B310
        found = json.load(answer)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


if __name__ == "__main__":
    sys.exit(main())
