"""The picture of the schema in docs/database.md, made from the models: ``python -m tests.results_db.picture``."""

from __future__ import annotations

from pathlib import Path

from results_db.models import Base

PATH = Path(__file__).resolve().parents[2] / "docs" / "database.md"
_BEGIN, _END = "```mermaid\n", "\n```\n"


def picture() -> str:
    """A Mermaid diagram: every table with its columns, and what points to what."""
    lines = ["erDiagram"]
    for table in Base.metadata.sorted_tables:
        lines += [
            f"    {key.column.table.name} {'|o' if key.parent.nullable else '||'}--o{{ {table.name} : {key.parent.name}"
            for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
        ]
    for table in Base.metadata.sorted_tables:
        lines.append(f"    {table.name} {{")
        for column in table.columns:
            mark = " PK" if column.primary_key else " FK" if column.foreign_keys else ""
            kind = str(column.type.as_generic()).partition("(")[0].lower()
            lines.append(f"        {kind} {column.name}{mark}")
        lines.append("    }")
    return "\n".join(lines)


def render(text: str) -> str:
    """The document with the picture of today."""
    before, _, rest = text.partition(_BEGIN)
    return before + _BEGIN + picture() + _END + rest.partition(_END)[2]


if __name__ == "__main__":
    PATH.write_text(render(PATH.read_text(encoding="utf-8")), encoding="utf-8")
