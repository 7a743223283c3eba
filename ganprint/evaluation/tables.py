"""Tables of results as values, and which values differ significantly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from ganprint.evaluation.differences import GroupSample, difference
from ganprint.weights import Interval

DAGGER = "†"
"""Marks, in a name, a corruption that training never shows."""
SEEN_MARK = "‡"
"""Marks, in a name, weights that have seen images which they are measured on."""


@dataclass(frozen=True)
class Column:
    """A column; neighbours of the same `group` stand under one heading."""

    group: str
    name: str


@dataclass(frozen=True)
class Cell:
    """A value with its 95 % interval, or none; `note` follows it in parentheses, `sample` is its value by group."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""
    sample: GroupSample | None = None

    @classmethod
    def of(cls, interval: Interval | None, sample: GroupSample | None = None) -> "Cell":
        """Return the cell of a metric."""
        if interval is None:
            return cls(None)
        return cls(interval.value, interval.low, interval.high, sample=sample)

    def differs(self, other: "Cell") -> bool:
        """Return whether the paired difference excludes 0, or without one, whether the intervals are apart."""
        found = difference(self.sample, other.sample)
        if found is not None:
            return found.excludes_zero
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.low > other.high or other.low > self.high

    def text(self, *, intervals: bool = False) -> str:
        """Return the value to three places, its note, and its interval if asked for."""
        if self.value is None:
            return ""
        interval = f"{self.low:.3f} - {self.high:.3f}" if intervals and self.low is not None else ""
        beside = ", ".join(part for part in (self.note, interval) if part)
        return f"{self.value:.3f}" + (f" ({beside})" if beside else "")


@dataclass(frozen=True)
class Row:
    """A named row of cells, one a column; a row that is not `ranked` is neither best nor second best."""

    name: str
    cells: tuple[Cell, ...]
    ranked: bool = True


@dataclass(frozen=True)
class Table:
    """Rows under columns; the best values and the next are marked down each column or across each row.

    The best are the largest, or the smallest where the values are of errors, and all that do not differ from it; they
    are marked if others differ from it, and so are the next ones among those.
    """

    title: str
    corner: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    best: Literal["down", "across"] = "down"
    of_errors: bool = False

    def titled(self, data: str) -> "Table":
        """Return the table with the name of its data before its title."""
        return replace(self, title=f"{data}: {self.title}")

    def places(self) -> list[list[int]]:
        """Return for each row and column 1 where the value is of the best, 2 where of the next, else 0."""
        ranked = [row for row in self.rows if row.ranked]
        if self.best == "across":
            return [self._places(row.cells) if row.ranked else [0] * len(row.cells) for row in self.rows]
        columns = zip(*(row.cells for row in ranked), strict=True)
        found = iter(zip(*map(self._places, columns), strict=True))
        return [list(next(found)) if row.ranked else [0] * len(row.cells) for row in self.rows]

    @property
    def groups(self) -> list[tuple[str, list[int]]]:
        """The headings in order, each with the numbers of its columns."""
        numbered = groupby(enumerate(self.columns), key=lambda pair: pair[1].group)
        return [(name, [number for number, _ in pairs]) for name, pairs in numbered]

    def _places(self, cells: Sequence[Cell]) -> list[int]:
        places = [0] * len(cells)
        valued = [(cell.value, number) for number, cell in enumerate(cells) if cell.value is not None]
        left = [number for _, number in sorted(valued, key=lambda pair: pair[0], reverse=not self.of_errors)]
        for place in (1, 2):
            alike = [number for number in left if number == left[0] or not cells[number].differs(cells[left[0]])]
            if len(alike) == len(left):
                break
            for number in alike:
                places[number] = place
            left = [number for number in left if number not in alike]
        return places
