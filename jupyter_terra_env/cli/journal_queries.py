"""Checks the journal of a server's root folder without opening it for writing."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from jupyter_terra_env.notebooks.storage.foreign_debts import JOURNAL_NAME
from jupyter_terra_env.notebooks.storage.journal_database import SCHEMA_VERSION


def why_journal_not_usable(state_directory: Path) -> str | None:
    """Return why a starting server could not use the journal; None if it could, or would create a new one."""
    journal = state_directory / JOURNAL_NAME
    if not os.path.lexists(journal):
        return None
    if not journal.is_file():
        return f"{journal} is not a file"
    if not os.access(journal, os.R_OK | os.W_OK):
        return f"{journal} cannot be written to"
    # Without a log of changes there is nothing to recover, and no file is to be made beside the database.
    mode = "mode=ro" if journal.with_name(f"{JOURNAL_NAME}-wal").exists() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(journal))}?{mode}", uri=True)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        return None  # A damaged one is put aside at the start, and the log says so.
    if version > SCHEMA_VERSION:
        return f"a newer version of jupyter_terra_env made {journal}"
    return None
