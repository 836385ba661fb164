"""What a Jupyter server started here would be told: its settings, read as the server reads them, not acted on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_server.serverapp import ServerApp
from traitlets import TraitError

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.environment.settings import owner_email
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace
from jupyter_terra_env.server.contents import TerraContentsManager
from jupyter_terra_env.server.realtime_collaboration import is_enabled

EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The settings that matter to workspaces.

    Attributes:
        root: the server's root folder.
        extension_enabled: whether the server loads the extension.
        contents_manager: name of the class that serves the contents, when it is not this package's.
        owner_email: OWNER_EMAIL or TerraEnvApp.owner_email; empty when neither is set. Never to be printed.
        state_directory: where this environment keeps its journal and its id.
        workspaces: the configured workspaces.
        connection: how buckets are reached.
        deliver_program_changes: whether what programs write is brought to the workspace by itself.
        realtime_collaboration: whether jupyter-collaboration stays on with a workspace; None when it is not enabled.
    """

    root: Path
    extension_enabled: bool
    contents_manager: str | None
    owner_email: str = field(repr=False)
    state_directory: Path
    workspaces: tuple[Workspace, ...]
    connection: Connection
    deliver_program_changes: bool = True
    realtime_collaboration: bool | None = None

    @property
    def owner_is_known(self) -> bool:
        """Whether this person's e-mail address is set."""
        return bool(self.owner_email)

    def storage(self, environ: Mapping[str, str]) -> tuple[str, str]:
        """Which service the buckets are in: its kind, and where that is."""
        if self.connection.embedded_directory is not None:
            return "embedded bucket", str(self.connection.embedded_directory)
        emulator = environ.get(EMULATOR_VARIABLE, "")
        if emulator:
            return "emulator", _without_secrets(emulator)
        return "Cloud Storage", "https://storage.googleapis.com"


def load(root: Path | None) -> ServerSettings:
    """Read the settings.

    Args:
        root: the server's root folder; None for the configured one, which is the working directory by default.

    Raises:
        SettingsError: a setting, or a file of settings, is wrong.
    """
    server, app = _configured()
    folder = (root or Path(server.root_dir)).expanduser().absolute()
    if not folder.is_dir():
        raise SettingsError(f"The server's root folder {folder} is not a folder. Name another one with --root.")
    manager = server.contents_manager_class
    return ServerSettings(
        root=folder,
        extension_enabled=bool(server.jpserver_extensions.get(TerraEnvApp.name)),
        contents_manager=None if issubclass(manager, TerraContentsManager) else manager.__qualname__,
        owner_email=owner_email(os.environ, app.owner_email),
        state_directory=Path(app.state_directory) if app.state_directory else folder / ".jupyter-terra-env",
        # The application's own way to its settings, so that both always agree.
        workspaces=app.configured_workspaces(folder),
        connection=app.connection(),
        deliver_program_changes=app.deliver_program_changes,
        realtime_collaboration=app.allow_realtime_collaboration if is_enabled(server.jpserver_extensions) else None,
    )


def _configured() -> tuple[ServerApp, TerraEnvApp]:
    """Let both applications read their files, in the order in which a starting server does."""
    server, app = ServerApp(), TerraEnvApp()
    server.raise_config_file_errors = app.raise_config_file_errors = True
    try:
        server.load_config_file()
        server.find_server_extensions()
        app.serverapp = server
        app.load_config_file()
        app.update_config(server.config)
        server.update_config(app.config)
    except TraitError as error:
        raise SettingsError(str(error)) from error
    except SystemExit as error:
        # Jupyter has just said on stderr which one.
        raise SettingsError("A value in Jupyter's configuration has the wrong type.") from error
    except Exception as error:  # configuration files are programs: they may raise anything
        raise SettingsError(
            f"A Jupyter configuration file cannot be read ({type(error).__name__}: {error})."
        ) from error
    return server, app


def _without_secrets(url: str) -> str:
    """An emulator's address without what may be a password or a token in it."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise SettingsError(f"{EMULATOR_VARIABLE}: expected an address such as http://127.0.0.1:9000.") from None
    return f"{parts.scheme or 'http'}://{parts.hostname or ''}{port}"
