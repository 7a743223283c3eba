"""The text of tables in Markdown and LaTeX."""

from ganprint.evaluation.tables import Table
from ganprint.plain_text import printable, to_latex_text, to_markdown_text


def to_markdown(table: Table, *, intervals: bool = False) -> str:
    """Return a Markdown table, the best in bold and the next in italics.

    The columns under a heading become one, with slashes; those under none stand alone.
    """
    marks = ("", "**", "*")
    together = [
        (f"{group}: " if group else "", part)
        for group, numbers in table.groups
        for part in ([numbers] if group else [[number] for number in numbers])
    ]
    heads = [group + " / ".join(table.columns[number].name for number in part) for group, part in together]
    heads = [to_markdown_text(head) for head in (table.corner, *heads)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row, places in zip(table.rows, table.places(), strict=True):
        texts = [
            f"{marks[place]}{to_markdown_text(cell.text(intervals=intervals))}{marks[place]}"
            for cell, place in zip(row.cells, places, strict=True)
        ]
        cells = [" / ".join(texts[number] for number in part) for _, part in together]
        lines.append(f"| {to_markdown_text(row.name)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def to_latex(table: Table, *, intervals: bool = False) -> str:
    """Return a LaTeX table for the booktabs package, the best in bold and the next underlined."""
    marks = ("{}", r"\textbf{{{}}}", r"\underline{{{}}}")
    lines = [f"% {printable(table.title)}", rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}", r"\toprule"]
    if any(group for group, _ in table.groups):
        spans = [rf"\multicolumn{{{len(numbers)}}}{{c}}{{{to_latex_text(group)}}}" for group, numbers in table.groups]
        lines.append(" & ".join(["", *spans]) + r" \\")
    names = [table.corner, *(column.name for column in table.columns)]
    lines += [" & ".join(map(to_latex_text, names)) + r" \\", r"\midrule"]
    for row, places in zip(table.rows, table.places(), strict=True):
        texts = [
            marks[place].format(to_latex_text(cell.text(intervals=intervals)))
            for cell, place in zip(row.cells, places, strict=True)
        ]
        lines.append(" & ".join([to_latex_text(row.name), *texts]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
