"""Checks that database, files and audit trail agree, and repairs what is safe. `manage.py check_integrity`.

    findings    what breaks a rule, one finding for each
    files       a file for each row and a row for each file, with the right digest; also in a bucket
    states      copies and counts that contradict each other
    audits      rows without the audit row that their creation leaves

Each check returns findings and changes nothing; a finding that can be repaired carries the function that does it.
"""

from collections.abc import Iterator

from diagnosis.access import audit
from diagnosis.integrity import audits, files, states
from diagnosis.integrity.findings import Finding

__all__ = ["Finding", "check", "repair"]


def check(*, digests: bool = True) -> Iterator[Finding]:
    """Every rule that is broken, rule by rule. digests: read the originals and compare them with their sha256."""
    yield from files.check(digests=digests)
    yield from states.check()
    yield from audits.check()


def repair(finding: Finding) -> int:
    """Repair a finding, with an audit row. Returns how many items were repaired; 0 if it cannot be done safely."""
    if finding.mend is None:
        return 0
    mended = finding.mend()
    audit.record("integrity.repaired", rule=finding.rule, mended=mended, items=list(finding.items[:200]))
    return mended
