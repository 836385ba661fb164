"""Builds autopause for a server, from its settings and the machine's own metadata."""

import hashlib
import os
import uuid
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir

from jupyter_terra_env.autopause.flush import Debts, NoDebts
from jupyter_terra_env.autopause.unobservable import sentence, unobservable
from jupyter_terra_env.environment.metadata import attributes
from jupyter_terra_env.notebooks.storage.foreign_debts import JOURNAL_NAME
from jupyter_terra_env.notebooks.workspace_notebooks import WorkspaceNotebooks
from jupyter_terra_env.server.autopause.notebook_debts import ForeignDebts, NotebookDebts
from jupyter_terra_env.server.autopause.service import AutopauseFiles, AutopauseService
from jupyter_terra_env.server.autopause.settings import settings_of

_MANIFEST = "flush.json"


def build_autopause(app: Any, state_directory: Path) -> AutopauseService:
    """Build autopause, once its configuration has been read.

    Args:
        app: the extension application.
        state_directory: folder on the persistent disk; written to only when there are workspaces.

    Raises:
        SettingsError: a setting is wrong.
        TraitError: a setting has the wrong type.
    """
    limits = sentence(unobservable())
    if limits:
        app.serverapp.log.warning("jupyter_terra_env: %s", limits)
    # The memory means nothing on another start of the machine, so it does not belong on the persistent disk.
    named = hashlib.sha256(str(state_directory).encode()).hexdigest()[:16]
    return AutopauseService(
        settings_of(app, attributes(os.environ)),
        environ=os.environ,
        files=AutopauseFiles(
            memory=Path(jupyter_runtime_dir()) / f"terra-env-autopause-{named}.json",
            manifest=state_directory / _MANIFEST,
        ),
        new_id=lambda: str(uuid.uuid4()),
        log=app.serverapp.log,
    )


def debts_of(notebooks: WorkspaceNotebooks | None, *, root: Path, state_directory: Path) -> Debts:
    """What a server owes to the bucket.

    Args:
        notebooks: the notebooks of its workspaces, or None when it has none.
        root: the server's root folder.
        state_directory: folder of a journal that may be there from a time when it had one.
    """
    if notebooks is not None:
        return NotebookDebts(notebooks)
    return ForeignDebts(root, state_directory) if (state_directory / JOURNAL_NAME).exists() else NoDebts()
