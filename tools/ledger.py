"""Gathers the claims that the chapters check into one table.

Each chapter ends with a section "Claims checked here" that holds a table with the columns Claim, Section, Code, Test,
Record. The last names experiments whose records show what the code does on real data, or is a dash. Those tables are
the only source; this module reads them.
"""

import re
from dataclasses import dataclass

from . import notebooks

HEADING = "## Claims checked here"
COLUMNS = ["Claim", "Section", "Code", "Test", "Record"]


@dataclass(frozen=True)
class Row:
    chapter: str
    claim: str
    section: str
    code: tuple
    tests: tuple
    records: tuple


def rows(path):
    """Rows of the table of one chapter. Raises ValueError where there is none, or one of another form."""
    notebook = notebooks.read(path)
    cell = next((cell.source for cell in notebook.cells if cell.source.lstrip().startswith(HEADING)), None)
    if cell is None:
        raise ValueError(f"{path.name}: no cell begins with '{HEADING}'")
    table = [
        [field.strip() for field in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        for line in cell.splitlines()
        if line.strip().startswith("|")
    ]
    if len(table) < 3 or table[0] != COLUMNS:
        raise ValueError(f"{path.name}: the table of claims must have the columns {COLUMNS} and a row")
    found = []
    for fields in table[2:]:
        if len(fields) != len(COLUMNS) or not all(fields):
            raise ValueError(f"{path.name}: the row {fields} must fill the {len(COLUMNS)} columns")
        code, tests = (tuple(re.findall(r"`([^`]+)`", field)) for field in fields[2:4])
        experiments = () if fields[4] == "-" else tuple(name.strip() for name in fields[4].split(","))
        found.append(Row(path.stem, fields[0], fields[1], code, tests, experiments))
    return found


def title(stem):
    """Name of a chapter as its file gives it: "overlap_tile" is "Overlap tile"."""
    return stem.replace("_", " ").capitalize()


def table(paths):
    """The ledger as Markdown: every claim of every chapter, in the order of the book."""
    lines = ["| Claim | Section | Chapter | Code | Test | Record |", "|---|---|---|---|---|---|"]
    for path in paths:
        lines += [
            f"| {row.claim} | {row.section} | [{title(row.chapter)}]({row.chapter}.ipynb) "
            f"| {', '.join(f'`{name}`' for name in row.code)} | {', '.join(f'`{name}`' for name in row.tests)} "
            f"| {', '.join(f'[{name}](records.md#{name})' for name in row.records) or '-'} |"
            for row in rows(path)
        ]
    return "\n".join(lines)
