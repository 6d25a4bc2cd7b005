"""The results database: every trial, every fit and every verified scheme, on SQLite or PostgreSQL.

`results_db.repository` writes, `results_db.queries` reads; both work on the `Database` that `open_database` gives.
"""

from results_db.database import Database
from results_db.schema import open_database, upgrade

__all__ = ["Database", "open_database", "upgrade"]
