"""Tables mark the best and the next, by column or by row, and survive what names may hold."""

from ganprint.evaluation.tables import Cell, Column, Row, Table, to_latex, to_markdown


def table(best: str = "down") -> Table:
    columns = (Column("clean", "detection"), Column("clean", "NMI"), Column("", "mean"))
    values = {"a_b": (0.9, 0.1, None), "c": (0.9004, 0.3, 0.2), "d": (0.5, 0.2, 0.4)}
    rows = [Row(name, tuple(map(Cell, row))) for name, row in values.items()]
    rows.append(Row("published", (Cell(0.99), Cell(0.99), Cell(0.99)), ranked=False))
    return Table("A table", "weights", columns, tuple(rows), best=best)  # type: ignore[arg-type]


def test_places_are_by_the_digits_shown_and_leave_out_what_is_not_ranked() -> None:
    assert table().places() == [[1, 0, 0], [1, 1, 2], [2, 2, 1], [0, 0, 0]]
    assert table("across").places() == [[1, 2, 0], [1, 2, 0], [1, 0, 2], [0, 0, 0]]


def test_markdown_joins_the_columns_of_a_heading() -> None:
    assert to_markdown(table()).splitlines() == [
        "| weights | clean: detection / NMI | mean |",
        "|---|---|---|",
        "| a_b | **0.900** / 0.100 |  |",
        "| c | **0.900** / **0.300** | *0.200* |",
        "| d | *0.500* / *0.200* | **0.400** |",
        "| published | 0.990 / 0.990 | 0.990 |",
    ]


def test_latex_spans_headings_and_escapes_names() -> None:
    lines = to_latex(table()).splitlines()
    assert lines[1:4] == [
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r" & \multicolumn{2}{c}{clean} & \multicolumn{1}{c}{} \\",
    ]
    assert lines[6] == r"a\_b & \textbf{0.900} & 0.100 &  \\"
    assert r"\underline{0.500}" in lines[8]


def test_intervals_and_notes_stand_beside_the_value() -> None:
    assert Cell(0.5, 0.4, 0.6, "-20%").text(intervals=True) == "0.500 (-20%, 0.400 - 0.600)"
    assert Cell(0.5, 0.4, 0.6, "-20%").text() == "0.500 (-20%)"
    assert Cell(None).text(intervals=True) == ""


def test_a_table_without_ranked_rows_has_no_places() -> None:
    rows = (Row("a", (Cell(0.5),), ranked=False),)
    assert Table("", "weights", (Column("", "x"),), rows).places() == [[0]]
