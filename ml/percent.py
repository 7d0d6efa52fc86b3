"""How a fraction reads to a person, the same on pages, in images and in reports."""


def percent(fraction: float) -> str:
    """`93 %`, without decimals. A fraction (0 to 1) that would round to certainty reads `> 99 %` or `< 1 %`."""
    rounded = round(fraction * 100)
    if rounded >= 100:
        return "> 99 %"
    if rounded <= 0:
        return "< 1 %"
    return f"{rounded} %"
