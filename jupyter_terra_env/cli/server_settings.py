"""The settings of a Jupyter server started here, read by the server's own code without starting it."""

import contextlib
import logging
import os
import secrets
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_server.serverapp import ServerApp
from traitlets import TraitError
from traitlets.config import Config

from jupyter_terra_env.app import TerraEnvApp
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.environment.settings import owner_email
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Workspace
from jupyter_terra_env.server.configuration import ignored_settings, is_other_contents_manager
from jupyter_terra_env.server.realtime_collaboration import is_enabled
from jupyter_terra_env.wiring.programs import packages_of
from jupyter_terra_env.wiring.settings import connection_of

EMULATOR_VARIABLE = "STORAGE_EMULATOR_HOST"
_NO_ROOT = "The server's root folder {} is not a folder. Name another one with --root."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The settings that matter to workspaces.

    Attributes:
        root: the server's root folder.
        extension_enabled: whether the server loads the extension.
        contents_manager: name of the contents manager's class if it is not this package's.
        may_be_other_manager: whether the server starts although another one is configured beside a workspace.
        owner_email: OWNER_EMAIL or TerraEnvApp.owner_email; empty when neither is set. Must never be printed.
        state_directory: where this environment keeps its journal and its id.
        workspaces: the configured workspaces.
        connection: how buckets are reached.
        ignored: settings that have no effect, a sentence each.
        files: the configuration files that were read.
        deliver_program_changes: whether changes by programs are brought to the workspace automatically.
        packages_folder: where packages persist; None if they are left where pip, R and conda put them.
        realtime_collaboration: whether jupyter-collaboration stays on with a workspace; None when it is not enabled.
    """

    root: Path
    extension_enabled: bool
    contents_manager: str | None
    owner_email: str = field(repr=False)
    state_directory: Path
    workspaces: tuple[Workspace, ...]
    connection: Connection
    may_be_other_manager: bool = False
    ignored: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    deliver_program_changes: bool = True
    packages_folder: Path | None = None
    realtime_collaboration: bool | None = None

    @property
    def owner_is_known(self) -> bool:
        """Whether this person's e-mail address is set."""
        return bool(self.owner_email)

    def storage(self, environ: Mapping[str, str]) -> tuple[str, str]:
        """Return which kind of service has the buckets, and where it is."""
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
        SettingsError: a setting or a configuration file is wrong; a server would not start.
    """
    given = None if root is None else root.expanduser().absolute()
    if given is not None and not given.is_dir():
        raise SettingsError(_NO_ROOT.format(given))
    with _quietly():
        server, app, is_enabled_here = _linked(given)
        folder = Path(server.root_dir).expanduser().absolute()
        if not folder.is_dir():
            raise SettingsError(_NO_ROOT.format(folder))
        manager = server.contents_manager_class
        packages = packages_of(app)
        return ServerSettings(
            root=folder,
            extension_enabled=is_enabled_here,
            contents_manager=manager.__qualname__ if is_other_contents_manager(manager) else None,
            may_be_other_manager=app.allow_other_contents_manager,
            owner_email=owner_email(os.environ, app.owner_email),
            state_directory=app.state_folder(folder),
            # The application's own code reads its settings, so that both always agree.
            workspaces=app.configured_workspaces(folder),
            connection=connection_of(app, ()),
            packages_folder=None if packages is None else packages.path,
            ignored=ignored_settings(server, app),
            files=_files_of(server),
            deliver_program_changes=app.deliver_program_changes,
            realtime_collaboration=(
                app.allow_realtime_collaboration if is_enabled(server.jpserver_extensions) else None
            ),
        )


def _linked(root: Path | None) -> tuple[ServerApp, TerraEnvApp, bool]:
    """Let a server read all its files and link its extensions, as at its start, without running.

    JupyterLab and Notebook are extensions, too, whose own files also apply to the server.

    Returns:
        The server, this package's application, and whether the server loads it.
    """
    # Without a secret the application would write one to the disk.
    server = ServerApp(cookie_secret=secrets.token_bytes(32))
    server.raise_config_file_errors = True
    try:
        server.load_config_file()
        if root is not None:
            server.update_config(Config(ServerApp={"root_dir": str(root)}))
        server.find_server_extensions()
        server.init_server_extensions()
        return _application_of(server)
    except (TraitError, SettingsError) as error:
        raise SettingsError(str(error)) from error
    except SystemExit as error:
        # The cause of the exit is the exception's context.
        cause = error.__context__
        if isinstance(cause, SettingsError):
            raise SettingsError(str(cause)) from error
        detail = f": {cause}" if cause is not None else "."
        raise SettingsError(f"A value in Jupyter's configuration has the wrong type{detail}") from error
    except Exception as error:  # configuration files are programs: they may raise anything
        raise SettingsError(
            f"A Jupyter configuration file cannot be read ({type(error).__name__}: {error})."
        ) from error


def _application_of(server: ServerApp) -> tuple[ServerApp, TerraEnvApp, bool]:
    name = TerraEnvApp.name
    point = server.extension_manager.extension_points.get(name)
    if server.jpserver_extensions.get(name) and point is not None and isinstance(point.app, TerraEnvApp):
        return server, point.app, True
    # The server does not load it; its settings are still useful to report.
    app = TerraEnvApp()
    app.serverapp = server
    app.load_config_file()
    app.update_config(server.config)
    return server, app, False


def _files_of(server: ServerApp) -> tuple[str, ...]:
    """Return the configuration files that were read, in order, each once."""
    apps = [app for linked in server.extension_manager.extension_apps.values() for app in linked]
    return tuple(dict.fromkeys(file for app in (server, *apps) for file in app.loaded_config_files))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Suppress logs and warnings within: the command prints one sentence instead."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _without_secrets(url: str) -> str:
    """Return an emulator's address without passwords and tokens."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise SettingsError(f"{EMULATOR_VARIABLE}: expected an address such as http://127.0.0.1:9000.") from None
    return f"{parts.scheme or 'http'}://{parts.hostname or ''}{port}"
