"""What papers report, to stand beside measured results and never among them."""

from ganprint import plugins
from ganprint.attributor import PublishedTable
from ganprint.evaluation.tables import Cell, Column, Row, Table


def published_tables() -> list[Table]:
    """Return the tables that the papers of the installed methods report."""
    return [_as_table(table) for spec in plugins.specs() for table in spec.published]


def _as_table(table: PublishedTable) -> Table:
    columns = tuple(Column(group, name) for group, name in table.columns)
    rows = tuple(Row(f"{name} (published)", tuple(map(Cell, values))) for name, values in table.rows.items())
    return Table(f"Published: {table.title}", table.corner, columns, rows, of_errors=table.of_errors)
