"""Charts as SVG, drawn by hand: nothing is loaded, and they print."""

from collections.abc import Mapping, Sequence

from naryad.reports.markup import Markup, tag

COLOURS = {"critical": "#b3261e", "high": "#e8710a", "medium": "#e3b505", "low": "#5b8def"}
WIDTH, HEIGHT = 720, 170
_LEFT, _TOP, _BOTTOM = 40, 10, 26


def stacked(columns: Sequence[tuple[str, Mapping[str, int]]], title: str) -> Markup:
    """Columns with a colour for each severity, the gravest at the bottom.

    Args:
        columns: The label and the counts of each.
        title: What it shows, for those who hear it read.
    """
    most = max((sum(counts.values()) for _label, counts in columns), default=0)
    top = _rounded(most)
    room, step = HEIGHT - _TOP - _BOTTOM, (WIDTH - _LEFT) / max(1, len(columns))
    drawn: list[Markup] = [tag("title", title)]
    for value in sorted({0, top // 2, top}):
        height = HEIGHT - _BOTTOM - room * value / top
        drawn.append(tag("line", x1=_LEFT, x2=WIDTH, y1=f"{height:.1f}", y2=f"{height:.1f}", stroke="#ddd"))
        drawn.append(_label(_LEFT - 6, height + 4, str(value), "end"))
    every = -(-len(columns) // 12)
    for number, (label, counts) in enumerate(columns):
        x, y = _LEFT + number * step, float(HEIGHT - _BOTTOM)
        for severity, colour in COLOURS.items():
            if height := room * counts.get(severity, 0) / top:
                y -= height
                drawn.append(
                    tag("rect", x=f"{x + step * 0.15:.1f}", y=f"{y:.1f}", width=f"{step * 0.7:.1f}",
                        height=f"{height:.1f}", fill=colour)
                )  # fmt: skip
        if number % every == 0:
            drawn.append(_label(x + step / 2, HEIGHT - 8, label, "middle"))
    return tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", class_="chart")


def bar(part: float, colour: str) -> Markup:
    """A share from 0 to 1 as a bar."""
    width = f"{max(0.0, min(1.0, part)) * 100:.2f}"
    drawn = (
        tag("rect", x=0, y=0, width=100, height=8, fill="#eee"),
        tag("rect", x=0, y=0, width=width, height=8, fill=colour),
    )
    return tag("svg", *drawn, viewBox="0 0 100 8", preserveAspectRatio="none", class_="bar")


def _label(x: float, y: float, text: str, anchor: str) -> Markup:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, font_size=11, fill="#555")


def _rounded(most: int) -> int:
    """The top of the axis: an even number of one digit and zeros, not below the most."""
    size = 1
    while most > 10 * size:
        size *= 10
    return max(2, -(-most // (2 * size)) * 2 * size)
