"""The extension application: Jupyter's settings in, wired parts out."""

import logging
import secrets
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Bool, CaselessStrEnum, Dict, Float, Int, List, TraitError, Unicode

from jupyter_terra_env.bucket.connection import EMBEDDED_BUCKET_VARIABLE
from jupyter_terra_env.notebooks.folder_workspaces import FolderWorkspaces
from jupyter_terra_env.notebooks.locks.lock_keeper import KeepingTimes
from jupyter_terra_env.notebooks.storage.write_gate import INTERVAL_SECONDS
from jupyter_terra_env.notebooks.sync.upload_gate import STILL_SECONDS
from jupyter_terra_env.rules.errors import SettingsError
from jupyter_terra_env.rules.workspace import Location, Workspace
from jupyter_terra_env.safe_log import keep_safe
from jupyter_terra_env.server.activity.kernel_watch import paths_in_use
from jupyter_terra_env.server.announcements import SCHEMA, SCHEMA_ID, Announcements
from jupyter_terra_env.server.api.about import ABOUT_HANDLERS, IGNORED_SETTING
from jupyter_terra_env.server.api.handlers import HANDLERS
from jupyter_terra_env.server.autopause.handlers import AUTOPAUSE_HANDLERS
from jupyter_terra_env.server.autopause.service import AutopauseService
from jupyter_terra_env.server.autopause.settings import AutopauseSettings
from jupyter_terra_env.server.configuration import settle_configuration
from jupyter_terra_env.server.contents.exports import EXPORT_HANDLERS
from jupyter_terra_env.server.contents.handlers import CONTENTS_HANDLERS, large_save_rules
from jupyter_terra_env.server.contents.large_notebooks.converter import NotebookConverter
from jupyter_terra_env.server.contents.parts import ContentsParts
from jupyter_terra_env.server.handler_parts import HANDLER_PARTS_SETTING
from jupyter_terra_env.server.page_options import PLAIN_HANDLERS, publish_page_options
from jupyter_terra_env.server.realtime_collaboration import settle_realtime_collaboration
from jupyter_terra_env.server.text_list import TextList
from jupyter_terra_env.server.welder.api import WelderApi
from jupyter_terra_env.server.welder.mounts import WELDER_HANDLERS, WELDER_SETTING, WelderPort
from jupyter_terra_env.server.workspace_handler import ANNOUNCEMENTS_SETTING
from jupyter_terra_env.wiring.autopause import AutopausePlan, build_autopause, plan_autopause
from jupyter_terra_env.wiring.lifetime import start_parts, stop_parts
from jupyter_terra_env.wiring.notebook_parts import NotebookParts
from jupyter_terra_env.wiring.notebooks import build
from jupyter_terra_env.wiring.programs import packages_of
from jupyter_terra_env.wiring.settings import (
    folder_workspaces_of,
    plan_of,
    workspaces_of,
)
from jupyter_terra_env.wiring.welder import build_welder


class TerraEnvApp(ExtensionApp):
    """Opens, saves and shares the notebooks of Terra workspaces."""

    name = "jupyter_terra_env"
    extension_url = "/"
    load_other_extensions = True
    # Read when the extension is on, and only then: it names the contents manager.
    config_file_name = Unicode("jupyter_terra_env_config")

    workspaces = List(
        Dict(),
        config=True,
        help=(
            "Workspaces of this server, one dictionary each. Required: `name`, `bucket` (`gs://BUCKET`). Optional: "
            "`prefix`, `edit_directory`, `playground_directory` (`None` for no playground), `pattern`, `user_project`. "
            "They are added to those of the environment (WORKSPACE_NAME, WORKSPACE_BUCKET) and of `.delocalize.json` "
            "files that folder_buckets permits."
        ),
    )
    folder_buckets = TextList(
        [],
        config=True,
        help=(
            "Buckets, as `gs://BUCKET` or `BUCKET`, that a file `NAME/edit/.delocalize.json` may make a workspace "
            "for. If empty, such files are ignored, because a folder that was cloned or unpacked here may contain "
            "one. With storage_links, the server also looks for such files while it runs."
        ),
    )
    edit_folder = Unicode("edit", config=True, help="Name of the edit folder within a workspace's folder.")
    playground_folder = Unicode(
        "playground",
        config=True,
        help="Name of the playground folder within a workspace's folder; clients made for Welder expect `safe`.",
    )
    prefix = Unicode("notebooks/", config=True, help="Start of the notebooks' object names in the bucket.")
    pattern = Unicode(
        r".*\.ipynb",
        config=True,
        help=(
            "File names that the workspace keeps in the bucket: a regular expression for the whole name, for example "
            r"`.+(\.ipynb|\.Rmd|\.R)$`."
        ),
    )
    user_project = Unicode("", config=True, help="Google project that is billed for requester-pays buckets.")
    owner_email = Unicode(
        "",
        config=True,
        help="Terra e-mail address of the environment's owner. If empty, the variable OWNER_EMAIL is used.",
    )
    collaborators = TextList(
        [],
        config=True,
        help="E-mail addresses of people who share the workspaces; their edit locks are then shown with their address.",
    )
    embedded_bucket = Unicode(
        "",
        config=True,
        help=(
            "Data folder of an embedded bucket, used instead of Cloud Storage, in this process and without a network. "
            f"If empty, the variable {EMBEDDED_BUCKET_VARIABLE} is used."
        ),
    )
    state_directory = Unicode(
        "",
        config=True,
        help=(
            "Folder of the journal; it must be on the persistent disk. If empty, it is `.jupyter-terra-env` in the "
            "server's root folder."
        ),
    )
    packages_folder = Unicode(
        "",
        config=True,
        help=(
            "Folder on the persistent disk, such as `~/packages`, into which pip and R's install.packages() install in "
            "kernels and terminals. If empty, TERRA_ENV_PACKAGES_FOLDER is used; without both, they install as usual."
        ),
    )
    save_wait_seconds = Float(
        0.3,
        config=True,
        help=(
            "Seconds that a save waits for its upload before it answers `uploading`. Saves of 1 MB or more do not wait."
        ),
    )
    listing_max_age_seconds = Float(3.0, config=True, help="Seconds for which a listing of the bucket is reused.")
    bucket_concurrency = Int(
        8,
        config=True,
        help=(
            "Number of simultaneous transfers with buckets, half of them uploads. Questions, small changes and edit "
            "locks have as many threads of their own each."
        ),
    )
    storage_links = Bool(
        default_value=False,
        config=True,
        help=(
            "Whether clients may make workspaces while the server runs, with Welder's API under `BASE_URL/welder`, "
            "even if no workspace is configured. A welder_port switches it on, too."
        ),
    )
    welder_port = Int(
        0,
        config=True,
        help=(
            "Port on which Welder's API is served without authentication, for Leonardo's proxy, kernels and terminals "
            "(8080 in a Terra image). 0: not served."
        ),
    )
    welder_ip = Unicode(
        "127.0.0.1",
        config=True,
        help=(
            "Address that welder_port listens on. Everyone who can reach it may read and write the workspaces. On a "
            "loopback address the `Host` header must be a local name, and requests of other sites' web pages are "
            "refused unless a proxy has forwarded them."
        ),
    )
    staging_bucket = Unicode(
        "",
        config=True,
        help=(
            "Terra's staging bucket of this environment. Welder's records in it (`welder-metadata/`) are read once, at "
            "the first start on a disk, and written by each `cache/flush`."
        ),
    )
    unmarked_locks_are_mine = CaselessStrEnum(
        ["auto", "on", "off"],
        default_value="auto",
        config=True,
        help=(
            "Whether a lock that another client took for this person may be taken at once. `auto`: yes if a Welder "
            "runs beside this server (WELDER_ENABLED is `true` and welder_port is 0)."
        ),
    )
    deliver_program_changes = Bool(
        default_value=True,
        config=True,
        help=(
            "Whether changes that programs (nbconvert, papermill, git, …) make to working copies are brought to the "
            "workspace automatically, once the file is whole. If not, they are reported as not delivered until the "
            "notebook is opened or saved."
        ),
    )
    bucket_read_timeout_seconds = Float(
        30.0,
        config=True,
        help=(
            "Longest silence of a bucket within a request, in seconds. At most 10 while an object is looked up or a "
            "folder is listed; in a change or an upload at most 5, plus 4 for each MiB sent."
        ),
    )
    bucket_retry_deadline_seconds = Float(
        8.0, config=True, help="Seconds for which reading from a bucket is retried before it fails."
    )

    allow_other_contents_manager = Bool(
        default_value=False,
        config=True,
        help=(
            "Whether the server starts although another contents manager is configured beside a workspace: with a "
            "warning, and without workspace folders. If not, the start ends with an error."
        ),
    )
    allow_realtime_collaboration = Bool(
        default_value=False,
        config=True,
        help=(
            "Whether real-time collaboration (jupyter-collaboration) stays on beside a workspace, at your own risk: "
            "its shared documents may overwrite other people's versions."
        ),
    )

    keeping_times = KeepingTimes()
    pace_seconds = INTERVAL_SECONDS
    still_seconds = STILL_SECONDS
    classes = [AutopauseSettings]  # noqa: RUF012 - traitlets' way
    wired: NotebookParts | None = None
    autopause_plan: AutopausePlan | None = None
    autopause: AutopauseService | None = None
    announcements: Announcements | None = None
    converter: NotebookConverter | None = None
    welder: WelderApi | None = None
    welder_listener: WelderPort | None = None
    folder_workspaces: FolderWorkspaces | None = None

    def wire(self, root: Path) -> ContentsParts | None:
        """Build the parts for a server, once.

        Args:
            root: the server's root folder.

        Returns:
            What the contents manager needs of them, or None when no workspace is configured.

        Raises:
            SettingsError: a setting is wrong.
        """
        if self.wired is None:
            found = self.configured_workspaces(root)
            if not found and not (self.storage_links or self.welder_port):
                self._server_log.info(
                    "jupyter_terra_env: no workspace is configured (WORKSPACE_NAME and WORKSPACE_BUCKET are not set); "
                    "this is a plain Jupyter server."
                )
                return None
            self.wired = self._wire(root, found)
            self.converter = NotebookConverter(self.wired.cage)
        return self.wired.for_contents

    def _link_jupyter_server_extension(self, serverapp: Any) -> None:
        """Take settings from the server; a value of the wrong type ends the start-up.

        Jupyter Server would log the error and run without this extension, which looks like lost notebooks.
        """
        keep_safe(serverapp.log)
        try:
            super()._link_jupyter_server_extension(serverapp)
            self.autopause_plan = plan_autopause(self, self.state_folder(Path(serverapp.root_dir)))
            packages_of(self)
            if self.welder_port:
                self.welder_listener = WelderPort(self.welder_port, self.welder_ip)
        except (TraitError, SettingsError) as error:
            serverapp.log.critical("Bad setting: %s", error)
            self.exit(1)

    def load_config_file(self, suppress_errors: bool = True) -> None:  # type: ignore[override]  # noqa: FBT001, FBT002
        """Read this application's own files.

        Raises:
            SettingsError: one cannot be read. Jupyter would go on without, and so without workspace folders.
        """
        self.raise_config_file_errors = True
        try:
            super().load_config_file(suppress_errors)
        except TraitError:
            raise
        except Exception as error:  # configuration files are programs: they may raise anything
            raise SettingsError(f"{self.config_file_name} cannot be read ({type(error).__name__}: {error}).") from error

    def initialize_settings(self) -> None:
        """Give the handlers the wired parts, and Jupyter the events to come.

        All extensions are linked by now: nothing changes the configuration any more.
        """
        self._settle_configuration()
        self.settings[HANDLER_PARTS_SETTING] = None if self.wired is None else self.wired.for_handlers
        self.settings[ANNOUNCEMENTS_SETTING] = self.announcements
        self.settings[WELDER_SETTING] = self.welder = build_welder(self, new_id=lambda: secrets.token_hex(16))
        server: Any = self.serverapp
        if self.wired is not None:
            self.folder_workspaces = folder_workspaces_of(self, Path(server.root_dir), log=self._server_log)
        if server is not None:
            server.io_loop.add_callback(start_parts, self, log=self._server_log)
        events: Any = self.settings["event_logger"]
        if SCHEMA_ID not in events.schemas:
            events.register_event_schema(SCHEMA)
        if self.autopause_plan is not None and server is not None:
            self.autopause = build_autopause(self.autopause_plan, server, self.wired)
            workspaces = None if self.wired is None else self.wired.workspaces
            publish_page_options(server.web_app.settings, workspaces, can_pause=self.autopause_plan.can_pause)

    def initialize_handlers(self) -> None:
        """Add the REST endpoints."""
        own = HANDLERS if self.wired is not None else PLAIN_HANDLERS
        handlers = (*ABOUT_HANDLERS, *AUTOPAUSE_HANDLERS, *own)
        self.handlers.extend((url_path_join("/terra-env", path), handler) for path, handler in handlers)
        if self.wired is not None:
            server: Any = self.serverapp
            settings = server.web_app.settings
            rules = large_save_rules(server.base_url, lambda: settings["contents_manager"])
            server.web_app.add_handlers(".*$", rules)
            settle_realtime_collaboration(server, allowed=self.allow_realtime_collaboration, log=self._server_log)
            self.handlers.extend((*CONTENTS_HANDLERS, *EXPORT_HANDLERS, *WELDER_HANDLERS))

    async def stop_extension(self) -> None:
        """Let uploads in flight end, and release locks."""
        await stop_parts(self, log=self._server_log)

    def configured_workspaces(self, root: Path) -> tuple[Workspace, ...]:
        """The workspaces that settings, environment and files name.

        Args:
            root: the server's root folder.

        Raises:
            SettingsError: a setting is wrong.
        """
        return workspaces_of(self, root, warn=self._server_log.warning)

    def state_folder(self, root: Path) -> Path:
        """Where the journal is.

        Args:
            root: the server's root folder.
        """
        return Path(self.state_directory) if self.state_directory else root / ".jupyter-terra-env"

    @property
    def _server_log(self) -> logging.Logger | logging.LoggerAdapter[Any]:
        """The server's log, which its operator reads; an extension's own is elsewhere."""
        log: logging.Logger | logging.LoggerAdapter[Any] = self.log if self.serverapp is None else self.serverapp.log
        return log

    def _settle_configuration(self) -> None:
        server: Any = self.serverapp
        if server is None:
            return
        try:
            self.settings[IGNORED_SETTING] = settle_configuration(
                server,
                self,
                has_workspaces=lambda: bool(self.configured_workspaces(Path(server.root_dir))),
                allowed=self.allow_other_contents_manager,
            )
        except SettingsError as error:
            server.log.critical("Bad setting: %s", error)
            self.exit(1)

    def _wire(self, root: Path, found: tuple[Workspace, ...]) -> NotebookParts:
        parts = build(
            plan_of(self, root, found, log=self._server_log),
            in_use=lambda: paths_in_use(self.serverapp, self._kernel_state),
            announce=self._announce,
        )
        self.announcements = Announcements(
            status_of=parts.statuses.of,
            email_of_holder=parts.statuses.email_of_holder,
            emit=self._emit,
            log=self._server_log,
        )
        return parts

    def _kernel_state(self, kernel_id: str) -> str | None:
        return None if self.autopause is None else self.autopause.kernel_state(kernel_id)

    def _announce(self, location: Location) -> None:
        if self.announcements is not None:
            self.announcements.changed(location)

    def _emit(self, status: dict[str, Any]) -> None:
        events: Any = self.settings["event_logger"]
        events.emit(schema_id=SCHEMA_ID, data=status)
