"""The Celery tasks: each makes one call."""

from diagnosis.access import audit_chain
from diagnosis.cases import housekeeping
from diagnosis.inference.task_policy import background_task


@background_task(name="diagnosis.empty_trash")
def empty_trash() -> None:
    """Apply the site's rules of retention."""
    housekeeping.run()


@background_task(name="diagnosis.sweep_audit")
def sweep_audit() -> None:
    """Seal what was added to the audit trail."""
    audit_chain.seal()
