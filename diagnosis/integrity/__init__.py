"""Whether database, files and audit trail still say the same, and safe repairs. `manage.py check_integrity`.

    findings    what was found, one of them for each rule
    files       rows and files, both ways, with digests; through the storage's interface, so in a bucket, too
    states      copies and counts that contradict each other
    audits      what happened and left no audit row

Each check returns findings and changes nothing; a finding that can be mended carries the function that does it.
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
    """Mend what a finding names, with an audit row. Returns how many were mended; 0 if that cannot be done safely."""
    if finding.mend is None:
        return 0
    mended = finding.mend()
    audit.record("integrity.repaired", rule=finding.rule, mended=mended, items=list(finding.items[:200]))
    return mended
