"""What a report of runs draws: shares with their intervals, and how seconds are spread."""

import math
from collections.abc import Sequence

from evals.metrics import Rate
from naryad.reports.markup import Markup, tag

COLOURS = ("#2f6fdb", "#e8710a", "#1b7f3b", "#8e44ad", "#b3261e", "#5b6770")
_WIDTH, _LEFT, _RIGHT, _ROW, _HEIGHT, _FOOT = 720, 210, 20, 16, 200, 24


def colour(run: int) -> str:
    """The colour of a run by its place."""
    return COLOURS[run % len(COLOURS)]


def rates(rows: Sequence[tuple[str, Sequence[Rate | None]]], title: str) -> Markup:
    """A point with its interval for each run, under each other.

    Args:
        rows: A name and its share in each run.
        title: What it shows, for those who hear it read.
    """
    room, drawn, y = _WIDTH - _LEFT - _RIGHT, [tag("title", title)], 4
    tall = 4 + sum(_ROW * max(1, len(found)) + 6 for _name, found in rows)
    for part in (0, 0.25, 0.5, 0.75, 1):
        x = _LEFT + room * part
        drawn += [_line(x, x, 0, tall, "#ddd"), _text(x, tall + 15, f"{part:.0%}", "middle")]
    for name, found in rows:
        drawn.append(_text(_LEFT - 10, y + _ROW * len(found) / 2 + 4, name, "end"))
        for number, one in enumerate(found):
            middle = y + _ROW / 2
            if one:
                drawn.append(_line(_LEFT + room * one.low, _LEFT + room * one.high, middle, middle, colour(number), 2))
                place = f"{_LEFT + room * one.share:.1f}"
                drawn.append(tag("circle", cx=place, cy=f"{middle:.1f}", r=4, fill=colour(number)))
            y += _ROW
        y += 6
    return _svg(drawn, tall + _FOOT)


def spread(runs: Sequence[Sequence[float]], title: str) -> Markup:
    """For each run, the share of trials that took at most so many seconds.

    Args:
        runs: The seconds of each run's trials.
        title: What it shows, for those who hear it read.
    """
    most = max((seconds for run in runs for seconds in run), default=0) or 1
    step = 10 ** math.floor(math.log10(most))
    step = next(one for one in (step / 5, step / 2, step, step * 2) if most / one <= 8)
    left, room, tall = 44, _WIDTH - 44 - _RIGHT, _HEIGHT - _FOOT
    drawn = [tag("title", title)]
    for number in range(math.floor(most / step) + 1):
        x = left + room * number * step / most
        drawn += [_line(x, x, 4, tall, "#eee"), _text(x, tall + 16, f"{number * step:g}", "middle")]
    for part in (0, 0.5, 0.95):
        y = tall - (tall - 8) * part
        drawn += [_line(left, left + room, y, y, "#ddd"), _text(left - 6, y + 4, f"{part:.0%}", "end")]
    for number, run in enumerate(runs):
        points, last = [f"{left},{tall}"], float(tall)
        for at, seconds in enumerate(sorted(run), start=1):
            x, y = left + room * seconds / most, tall - (tall - 8) * at / len(run)
            points += [f"{x:.1f},{last:.1f}", f"{x:.1f},{y:.1f}"]
            last = y
        drawn.append(tag("polyline", points=" ".join(points), fill="none", stroke=colour(number), stroke_width=2))
    return _svg(drawn, _HEIGHT)


def _svg(drawn: Sequence[Markup], height: int) -> Markup:
    return tag("svg", *drawn, viewBox=f"0 0 {_WIDTH} {height}", role="img", class_="chart")


def _line(x1: float, x2: float, y1: float, y2: float, stroke: str, width: int = 1) -> Markup:
    ends = {"x1": x1, "x2": x2, "y1": y1, "y2": y2}
    return tag("line", **{end: f"{at:.1f}" for end, at in ends.items()}, stroke=stroke, stroke_width=width)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, font_size=11, fill="#555")
