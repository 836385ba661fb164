"""Debts to a bucket that no workspace of this server keeps the notebook in: named, and neither paid nor forgotten.

A journal stays on the persistent disk while settings change: a server may be started with another workspace, with
another bucket under the same name, with a narrower pattern, or without any workspace.
"""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from jupyter_terra_env.notebooks.storage.journal import Debt
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Location, Workspaces

JOURNAL_NAME = "journal.sqlite3"
NOT_CONFIGURED = "workspace-not-configured"
"""Why such a debt is not paid, for programs."""


def sentence(debt: Debt) -> str:
    """Why a debt is not paid, for people."""
    return (
        f"The last save is on this disk only: it belongs in the bucket {debt.bucket}, and no workspace that is "
        "configured here keeps it there. Start a server with that workspace."
    )


def payable_as(debt: Debt, workspaces: Workspaces) -> Location | None:
    """The notebook that a debt is of; None when it cannot be paid here."""
    location = workspaces.locate(debt.path)
    if location is None or not location.is_delocalized:
        return None
    kept_in = (location.workspace.bucket, location.object_name)
    return location if kept_in == (debt.bucket, debt.object_name) else None


def on_the_disk(debts: Iterable[Debt], root: Path) -> tuple[Debt, ...]:
    """Those debts whose working copy is still there; without one there is nothing to be lost.

    Blocks: call it off the event loop.
    """
    return tuple(debt for debt in debts if os.path.lexists(root / debt.path))


def recorded_debts(state_directory: Path) -> tuple[Debt, ...]:
    """All debts of a journal that no server has open; empty when there is no journal. Writes nothing.

    Blocks: call it off the event loop.

    Raises:
        SettingsError: the journal cannot be read.
    """
    journal = state_directory / JOURNAL_NAME
    if not journal.exists():
        return ()
    # Without a log of changes there is nothing to recover, and no file is to be made beside the database.
    mode = "mode=ro" if journal.with_name(f"{JOURNAL_NAME}-wal").exists() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(journal))}?{mode}", uri=True)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'debts'").fetchall():
                return ()
            rows = connection.execute("SELECT path, bucket, object_name FROM debts ORDER BY path").fetchall()
    except sqlite3.Error as error:
        raise SettingsError(f"state_directory: the journal {journal} cannot be read: {error}") from error
    return tuple(Debt(path=str(row[0]), bucket=str(row[1]), object_name=str(row[2])) for row in rows)
