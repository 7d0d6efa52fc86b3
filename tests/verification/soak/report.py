"""What the soak found, as a page and as JSON, and what of it must not be."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tests.verification.services import ROOT
from tests.verification.soak.ledger import Balance, Ledger
from tests.verification.soak.sampling import Figures
from tests.verification.soak.slopes import MEMORY_MB, Slope, grows, slope

PAGE = ROOT / "docs" / "figures" / "soak.md"
HEAD = """# Soak: the table

`make verify-long` writes this file. [Reliability](../reliability.md#soak) says what it tells.
"""
HEADER = """
| program | processes | threads | memory, MB | MB an hour | allocated, MB | MB an hour | descriptors | an hour |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
WARM_UP = 1 / 3
"""Of the measured time, before it. What is done for the first time fills caches, starts threads, opens connections."""
LIMITS = {"resident": MEMORY_MB, "allocated": MEMORY_MB, "descriptors": 0.0}
"""What each program may add in a day."""
REPLACED = {"decoders"}
"""What these hold has an end: each of their processes makes room for a new one after 500 files."""
DECODER = 3
"""Descriptors that web has for each process that decodes files: the pipe to it, and two of Python's. As many of these
processes run as the load needs, so they do not count when it is asked whether web's descriptors grow."""


@dataclass(frozen=True, slots=True)
class Found:
    """minutes: those measured, after a warm-up. samples: seconds and figures by role. log: lines of the site's log that
    report an error. machine: in words."""

    minutes: float
    samples: list[tuple[float, dict[str, Figures]]]
    ledger: Ledger
    balance: Balance
    integrity: str
    trail: str
    log: list[str] = field(default_factory=list)
    machine: str = ""

    @property
    def roles(self) -> list[str]:
        return sorted({role for _, by in self.samples for role in by})

    def figures(self, role: str) -> list[tuple[float, Figures]]:
        """Seconds and figures of a role after the warm-up."""
        start = 60 * warm_up(self.minutes)
        return [(at, by[role]) for at, by in self.samples if role in by and at >= start]

    def values(self, role: str, figure: str) -> list[tuple[float, float]]:
        """Seconds and one figure of a role after the warm-up, at all times at which it was told."""
        points = [(at, getattr(one, figure)) for at, one in self.figures(role)]
        return [(at, value) for at, value in points if value or figure != "allocated"]

    def slope(self, role: str, figure: str) -> Slope | None:
        points = self.values(role, figure)
        if (role, figure) == ("web", "descriptors"):
            decoders = {at: by.get("decoders", Figures()).processes for at, by in self.samples}
            points = [(at, value - DECODER * decoders[at]) for at, value in points]
        return slope([at for at, _ in points], [value for _, value in points])


def warm_up(minutes: float) -> float:
    """Minutes of load before so many that are measured."""
    return minutes * WARM_UP


def problems(found: Found) -> list[str]:
    """Sentences; none if all is well."""
    wrong = [f"{what} ({times} times)" for what, times in sorted(found.ledger.unexpected.items())]
    kinds = {"lost": "lost", "doubled": "there twice", "no_result": "without a result"}
    for name, words in kinds.items():
        if numbers := getattr(found.balance, name):
            wrong.append(f"{len(numbers)} results are {words}, such as {numbers[:5]}")
    if found.balance.copies:
        wrong.append(f"{found.balance.copies} images are twice in their case")
    wrong += [said for said in (found.integrity, found.trail) if said.startswith("FAILED")]
    wrong += [f"logged: {line}" for line in found.log[:10]]
    for role in found.roles:
        for figure, most in LIMITS.items():
            at = found.slope(role, figure)
            if at is not None and role not in REPLACED and grows(at, a_day=most):
                wrong.append(f"{figure} of {role}: {_interval(at)} an hour")
    return wrong


def raw(found: Found) -> dict[str, Any]:
    """All of it."""
    return {
        "minutes": found.minutes,
        "machine": found.machine,
        "samples": [(at, {role: asdict(one) for role, one in by.items()}) for at, by in found.samples],
        "answers": dict(found.ledger.answers),
        "unexpected": dict(found.ledger.unexpected),
        "balance": asdict(found.balance),
        "integrity": found.integrity,
        "trail": found.trail,
        "problems": problems(found),
    }


def page(found: Found) -> str:
    """As Markdown: the table, what was done meanwhile, and what is wrong, if anything is."""
    said, balance = found.ledger, found.balance
    doubled = len(balance.doubled) + balance.copies
    facts = [
        f"{found.minutes:.0f} minutes, after {warm_up(found.minutes):.0f} of warm-up. {found.machine}",
        f"{sum(said.answers.values()):,} answers to {len(said.answers)} kinds of requests, "
        f"{sum(said.unexpected.values())} of them not as they should be.",
        f"{balance.taken} uploads were taken; {len(balance.lost)} lost, {doubled} doubled, "
        f"{len(balance.no_result)} without a result, {len(said.deleted)} of them deleted by their owners.",
        f"`check_integrity`: {found.integrity.splitlines()[-1]}",
        f"`audit_verify`: {found.trail.splitlines()[0]}",
    ]
    wrong = [f"**Wrong:** {one}" for one in problems(found)]
    return HEAD + HEADER + "".join(_line(found, role) for role in found.roles) + "\n" + _bullets(facts + wrong)


def _bullets(lines: list[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _line(found: Found, role: str) -> str:
    points = [one for _, one in found.figures(role)]
    cells = [role]
    if points:
        cells += [_range([one.processes for one in points]), _range([one.threads for one in points])]
        for figure in LIMITS:
            values = [value for _, value in found.values(role, figure)]
            if not values:
                cells += ["–", "–"]
                continue
            at, edge = found.slope(role, figure), max(1, len(values) // 10)
            cells += [f"{median(values[:edge]):.0f} to {median(values[-edge:]):.0f}", _interval(at) if at else "–"]
    return f"| {' | '.join(cells)} |\n"


def _range(values: list[int]) -> str:
    return str(values[0]) if len(set(values)) == 1 else f"{min(values)} to {max(values)}"


def _interval(at: Slope) -> str:
    return f"{at.middle:+.1f} ({at.low:+.1f} to {at.high:+.1f})"
