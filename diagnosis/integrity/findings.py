"""What a check has found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that is broken.

    rule: its code, for scripts. says: what it means. items: what breaks it, as names or ids. mend: repairs them all and
    returns how many; None if only a person or a backup can.
    """

    rule: str
    says: str
    items: tuple[str, ...]
    mend: Callable[[], int] | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "says": self.says,
            "count": len(self.items),
            "items": list(self.items),
            "repairable": self.mend is not None,
        }


def found(
    rule: str, says: str, items: "list[Any] | set[str]", mend: Callable[[], int] | None = None
) -> tuple[Finding, ...]:
    """A finding for these items, none if there are no items."""
    return (Finding(rule, says, tuple(str(one) for one in sorted(items)), mend),) if items else ()
