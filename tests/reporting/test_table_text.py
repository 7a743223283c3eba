"""Tables mark what a paired difference or intervals tell apart, and survive what names may hold."""

import numpy as np

from ganprint.evaluation.differences import GroupSample
from ganprint.evaluation.tables import Cell, Column, Row, Table
from ganprint.reporting.table_text import to_latex, to_markdown


def cell(value: float | None) -> Cell:
    """Return a cell whose interval is 0.05 to both sides."""
    return Cell(None) if value is None else Cell(value, value - 0.05, value + 0.05)


def table(best: str = "down", of_errors: bool = False) -> Table:
    columns = (Column("clean", "detection"), Column("clean", "NMI"), Column("", "mean"))
    values = {"a_b": (0.9, 0.1, None), "c": (0.91, 0.5, 0.2), "d": (0.5, 0.3, 0.4), "e": (0.3, 0.12, 0.8)}
    rows = [Row(name, tuple(map(cell, row))) for name, row in values.items()]
    rows.append(Row("published", (Cell(0.99), Cell(0.99), Cell(0.99)), ranked=False))
    return Table("A table", "weights", columns, tuple(rows), best=best, of_errors=of_errors)


def test_places_are_of_values_that_others_are_told_from_and_leave_out_what_is_not_ranked() -> None:
    assert table().places() == [[1, 0, 0], [1, 1, 0], [2, 2, 2], [0, 0, 1], [0, 0, 0]]
    assert table("across").places() == [[1, 0, 0], [1, 2, 0], [1, 0, 1], [2, 0, 1], [0, 0, 0]]
    assert [row[2] for row in table(of_errors=True).places()] == [0, 1, 2, 0, 0]


def test_nothing_is_marked_where_nothing_is_told_apart_no_interval_is_known_or_no_row_is_ranked() -> None:
    for cells, ranked in (((cell(0.5), cell(0.52)), True), ((Cell(0.1), Cell(0.9)), True), ((Cell(0.5),), False)):
        rows = tuple(Row(str(number), (each,), ranked) for number, each in enumerate(cells))
        assert Table("", "weights", (Column("", "x"),), rows).places() == [[0]] * len(cells)


def test_a_paired_difference_tells_apart_what_intervals_do_not() -> None:
    random = np.random.default_rng(0)
    source, group, images = np.repeat(["a", "b"], 10), np.arange(20).astype(str), np.full(20, 9)
    shares = random.random(20)
    one, other = (
        Cell(float(value.mean()), 0.2, 0.8, sample=GroupSample(source, group, images, value))
        for value in (shares, shares - random.random(20) * 0.02)
    )
    assert one.differs(other)
    elsewhere = GroupSample(source, group, images + 1, shares - 0.1)
    assert not one.differs(Cell(0.4, 0.2, 0.8, sample=elsewhere)), "of other images"


def test_markdown_joins_the_columns_of_a_heading() -> None:
    assert to_markdown(table()).splitlines() == [
        "| weights | clean: detection / NMI | mean |",
        "|---|---|---|",
        "| a_b | **0.900** / 0.100 |  |",
        "| c | **0.910** / **0.500** | 0.200 |",
        "| d | *0.500* / *0.300* | *0.400* |",
        "| e | 0.300 / 0.120 | **0.800** |",
        "| published | 0.990 / 0.990 | 0.990 |",
    ]


def test_latex_spans_headings_and_escapes_names() -> None:
    lines = to_latex(table()).splitlines()
    assert lines[1:3] == [r"\begin{tabular}{lrrr}", r"\toprule"]
    assert lines[3] == r" & \multicolumn{2}{c}{clean} & \multicolumn{1}{c}{} \\"
    assert lines[6] == r"a\_b & \textbf{0.900} & 0.100 &  \\"
    assert r"\underline{0.500}" in lines[8]


def test_intervals_and_notes_stand_beside_the_value() -> None:
    assert Cell(0.5, 0.4, 0.6, "-20%").text(intervals=True) == "0.500 (-20%, 0.400 - 0.600)"
    assert Cell(0.5, 0.4, 0.6, "-20%").text() == "0.500 (-20%)"
    assert Cell(None).text(intervals=True) == ""
