"""Draws docs/figures/rooms.svg from the imports: the rooms of the house, and the way a scan takes through them.

Run by `make rooms`. A room stands above everything it imports. Only those imports are drawn that no longer path implies
(the transitive reduction), so the picture stays readable. The two roads are always drawn: blue is the way a scan takes
when it is written, green the way in which results are read.
"""

from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).resolve().parents[1]
DRAWING = ROOT / "docs" / "figures" / "rooms.svg"
WRITES = (
    ("diagnosis.views", "diagnosis.intake"),
    ("diagnosis.api", "diagnosis.intake"),
    ("diagnosis.intake", "diagnosis.inference"),
    ("diagnosis.inference", "ml.inference"),
    ("diagnosis.inference", "diagnosis.models"),
)
READS = (
    ("diagnosis.views", "diagnosis.access"),
    ("diagnosis.api", "diagnosis.access"),
    ("diagnosis.access", "diagnosis.models"),
)
NO_ROOMS = {
    *("diagnosis.apps", "diagnosis.urls", "diagnosis.checks", "diagnosis.signals", "diagnosis.migrations"),
    "ml.child_environment",
}
"""Modules that Django looks for at fixed places, which wire rooms together; and a function that any room may need."""

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 156, 34, 172, 74, 24  # pixels
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933; text-anchor: middle; }
rect { fill: #eef1f4; stroke: #9aa5b1; } .ml rect { fill: #f6efe2; stroke: #b79f6a; }
path { fill: none; stroke: #9aa5b1; }
.write { stroke: #1d5fbf; stroke-width: 2.5; } .read { stroke: #0f7b6c; stroke-width: 2.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } rect { fill: #2b333c; stroke: #67727e; } .ml rect { fill: #3a3324; stroke: #8f7c50; }
  path { stroke: #67727e; } .write { stroke: #6ea8fe; } .read { stroke: #4fc3b0; }
}
"""

Edges = set[tuple[str, str]]


def room_of(module: str) -> str | None:
    """The room a module is in: its first two names, "brainscan" for the whole project."""
    parts = module.split(".")
    if parts[0] == "brainscan":
        return "brainscan"
    room = ".".join(parts[:2])
    return room if len(parts) > 1 and room not in NO_ROOMS and parts[1] != "__main__" else None


@cache
def imports() -> Edges:
    """Which room imports which."""
    graph = grimp.build_graph("brainscan", "diagnosis", "ml", cache_dir=None)
    pairs = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            first, second = room_of(module), room_of(imported)
            if first and second and first != second:
                pairs.add((first, second))
    return pairs


def below(edges: Edges, room: str) -> set[str]:
    """Every room that `room` imports, directly or not."""
    found: set[str] = set()
    waiting = [room]
    while waiting:
        current = waiting.pop()
        for first, second in edges:
            if first == current and second not in found:
                found.add(second)
                waiting.append(second)
    return found


def reduced(edges: Edges) -> Edges:
    """The edges that no longer path implies. The graph has no circle: import-linter holds that."""
    reach = {room: below(edges, room) for pair in edges for room in pair}
    return {
        (first, second)
        for first, second in edges
        if not any(second in reach[other] for start, other in edges if start == first and other != second)
    }


def rows(edges: Edges) -> list[list[str]]:
    """Rooms by the length of the longest path below them, the topmost row first, neighbors near each other."""
    depth: dict[str, int] = {}

    def measure(room: str) -> int:
        if room not in depth:
            depth[room] = 1 + max((measure(second) for first, second in edges if first == room), default=-1)
        return depth[room]

    for pair in sorted(edges):
        measure(pair[0])
    layers = [sorted(room for room in depth if depth[room] == level) for level in range(max(depth.values()) + 1)]
    for upper, lower in zip(layers[1:], layers, strict=False):  # from the bottom up: above what is imported
        position = {room: (index + 0.5) / len(lower) for index, room in enumerate(lower)}

        def middle(room: str, position: dict[str, float] = position) -> float:
            known = [position[second] for first, second in edges if first == room and second in position]
            return sum(known) / len(known) if known else 0.5

        upper.sort(key=lambda room: (middle(room), room))
    return layers[::-1]


def svg(edges: Edges) -> str:
    """The picture as text; the same for the same imports."""
    product = {pair for pair in edges if not pair[1].startswith("ml.")}
    model = {pair for pair in edges if pair[0].startswith("ml.")}
    at: dict[str, tuple[float, float]] = {}
    left = float(MARGIN)
    for layers in (rows(product), rows(model)):  # the product on the left, the model on the right
        widest = max(map(len, layers))
        for level, layer in enumerate(layers):
            start = left + (widest - len(layer)) * ACROSS / 2 + WIDTH / 2
            at |= {room: (start + index * ACROSS, MARGIN + level * DOWN) for index, room in enumerate(layer)}
        left += widest * ACROSS + MARGIN
    width, height = left, max(y for _, y in at.values()) + HEIGHT + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        "<title>The rooms of brainscan: each stands above what it imports</title>",
        f"<style>{STYLE}</style>",
    ]
    roads = {**dict.fromkeys(WRITES, "write"), **dict.fromkeys(READS, "read")}
    for first, second in sorted(reduced(edges) | (edges & roads.keys()), key=lambda pair: (pair in roads, pair)):
        (x1, y1), (x2, y2) = at[first], at[second]
        middle = (y1 + HEIGHT + y2) / 2
        curve = f"M{x1:.0f} {y1 + HEIGHT:.0f}C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}"
        if first.split(".")[0] != second.split(".")[0] == "ml":  # across: from side to side
            x1, x2, y1, y2 = x1 + WIDTH / 2, x2 - WIDTH / 2, y1 + HEIGHT / 2, y2 + HEIGHT / 2
            curve = f"M{x1:.0f} {y1:.0f}C{(x1 + x2) / 2:.0f} {y1:.0f} {(x1 + x2) / 2:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        parts.append(f'<path class="{roads.get((first, second), "")}" d="{curve}"/>')
    for room, (x, y) in sorted(at.items()):
        parts.append(
            f'<g class="{room.split(".")[0]}"><rect x="{x - WIDTH / 2:.0f}" y="{y:.0f}" width="{WIDTH}" '
            f'height="{HEIGHT}" rx="6"/><text x="{x:.0f}" y="{y + 22:.0f}">{escape(room.replace(".", "/"))}</text></g>'
        )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    DRAWING.write_text(svg(imports()))
