"""A table of a report as a table for a terminal."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from bench.report.tables import Table as TextTable

FASTEST = "bold green"


def rich_table(
    table: "TextTable", marks: Mapping[str, str] | None = None, right: Collection[str] | None = None
) -> Table:
    """A table for a terminal, its best entries highlighted. A row with an empty rest is a heading.

    marks: styles of words in the last column. right: the columns that are aligned at the right, by default those of
    the cold costs.
    """
    from bench.report.tables import COLD, STEADY

    right = (*COLD.values(), *STEADY) if right is None else right
    result = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for column in table.columns:
        result.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for y, row in enumerate(table.rows):
        heading = len(row) > 1 and not any(row[1:])
        styles = [FASTEST if (y, x) in table.best else "" for x in range(len(row))]
        styles[-1] = styles[-1] or (marks or {}).get(row[-1], "")
        result.add_row(*map(Text, row, styles), style="bold" if heading else "")
    return result
