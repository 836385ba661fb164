"""Creates the folders of workspaces, and checks whether folders can be used."""

import os
from pathlib import Path

from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace


def make_workspace_folders(root: Path, workspaces: tuple[Workspace, ...]) -> None:
    """Create the workspace folders.

    Raises:
        SettingsError: one cannot be created, or a link makes two of them one.
    """
    refuse_links(root, workspaces)
    for workspace in workspaces:
        for directory, _ in workspace.directories():
            try:
                (root / directory).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SettingsError(f"The workspace folder {root / directory} cannot be created: {error}") from error
    refuse_links(root, workspaces)


def refuse_links(root: Path, workspaces: tuple[Workspace, ...]) -> None:
    """Check that no link makes two workspace folders one. Writes nothing.

    Raises:
        SettingsError: one does.
    """
    real: dict[Path, str] = {}
    for workspace in workspaces:
        for directory, _ in workspace.directories():
            folder = _resolved(root / directory)
            for other, name in real.items():
                if folder == other or folder in other.parents or other in folder.parents:
                    raise SettingsError(
                        f"The workspace folders {directory!r} and {name!r} are one, or one in the other, by a link."
                    )
            real[folder] = directory


def why_not_usable(folder: Path) -> str | None:
    """Return why a folder could not be created or written to; None if it could. Writes nothing."""
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        return f"{nearest} is not a folder"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"{nearest} cannot be written to"
    return None


def _resolved(folder: Path) -> Path:
    try:
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # a link that leads to itself
        raise SettingsError(f"The workspace folder {folder} cannot be created: {error}") from error
