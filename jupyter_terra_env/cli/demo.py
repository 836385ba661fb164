"""`jupyter terra-env demo`: opens JupyterLab on a demo workspace, without a cloud."""

import argparse
import contextlib
import os
import re
import shlex
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_terra_env.cli.demo_data import (
    BUCKET,
    COLLEAGUE,
    EDIT_FOLDER,
    FIRST_PERSON,
    PLAYGROUND_FOLDER,
    PREFIX,
    START_HERE,
    WORKSPACE,
    DemoFolders,
    has_start_page,
    prepare,
)
from jupyter_terra_env.rules.errors import SettingsError

if TYPE_CHECKING:
    from jupyter_terra_env.cli.demo_bucket import DemoBucket
    from jupyter_terra_env.cli.demo_colleague import Colleague

NAME = "demo"
HELP = "open JupyterLab on a workspace of made-up notebooks, without a cloud"

ADDRESS = "127.0.0.1"
DATA_FOLDER_NAME = "terra-env-demo"

LAB, NOTEBOOK = "lab", "notebook"
_NAMES = {LAB: "JupyterLab", NOTEBOOK: "Notebook 7"}

_PAUSE = "import os, signal; os.kill({}, signal.SIGUSR1)"
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DESCRIPTION = """\
Open JupyterLab on a workspace whose bucket is a folder of this machine: no account, no network.

The notebook 'Start here' opens. In five minutes it leads through editing, a colleague in a browser tab of their own,
the playground, a conflict made on purpose, and a lost network. The notebooks and their data are made up. Your
changes are kept for the next time.
"""
_EPILOG = f"""\
examples:
  jupyter terra-env demo                        JupyterLab in your browser
  jupyter terra-env demo --interface notebook   the same in Notebook 7
  jupyter terra-env demo --as reviewer          another person, in another terminal, on the same notebooks
  jupyter terra-env demo --data ~/try --port 9999 --no-browser

The data folder is {DATA_FOLDER_NAME} in Jupyter's data folder ('jupyter --data-dir'), unless --data names another.
Delete it to start over. Ctrl-C ends JupyterLab and its kernels; everything saved is kept.

exit codes: 0 ended on request, 2 could not start (stderr has the reason)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The options of the command.

    Attributes:
        folders: where the files are.
        port: the port to use, or None for the first free one.
        with_browser: whether to open a browser.
        start_page: what opens, as a path below the workspace's folder.
        interface: what it opens in.
    """

    folders: DemoFolders
    port: int | None
    with_browser: bool
    start_page: str = EDIT_FOLDER
    interface: str = LAB

    @property
    def start_path(self) -> str:
        """Path of the start page on the server."""
        path = quote(f"{WORKSPACE}/{self.start_page}")
        if self.interface == LAB:
            return f"/lab/tree/{path}"
        return f"/notebooks/{path}" if self.start_page.endswith(".ipynb") else f"/tree/{path}"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("--as", dest="person", metavar="NAME", default=FIRST_PERSON, help="be another person")
    parser.add_argument(
        "--interface", choices=(LAB, NOTEBOOK), default=LAB, help="what opens: JupyterLab (default) or Notebook 7"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder; is created")
    parser.add_argument("--port", type=_port, metavar="P", help=f"port on {ADDRESS} (default: 8888 or the next free)")
    parser.add_argument("--ends-with-input", action="store_true", help=argparse.SUPPRESS)  # See demo_colleague.
    parser.add_argument("--no-browser", action="store_true", help="open no browser; the address is printed")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Returns:
        0 when ended on request.

    Raises:
        SettingsError: it could not start.
    """
    if not _PERSON.fullmatch(arguments.person):
        raise SettingsError(
            f"--as: {arguments.person!r} cannot be a folder name here; "
            "use up to 40 letters, digits, '.', '_' and '-', a letter or digit first."
        )
    data: Path = arguments.data or _default_data_folder()
    if arguments.interface == NOTEBOOK and find_spec("notebook") is None:
        raise SettingsError("Notebook 7 is not installed here: install it with 'pip install notebook'.")
    folders = DemoFolders(data.expanduser().absolute(), arguments.person)
    _refuse_port_in_use(arguments.port)
    prepare(folders)
    shows_start = folders.person != COLLEAGUE and has_start_page(folders)
    demo = Demo(
        folders=folders,
        port=arguments.port,
        with_browser=not arguments.no_browser,
        start_page=f"{EDIT_FOLDER}/{START_HERE}" if shows_start else EDIT_FOLDER,
        interface=arguments.interface,
    )
    print(_welcome(demo, data_was_named=arguments.data is not None), flush=True)
    if arguments.ends_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    was_paused = False
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C before the server had begun
        was_paused = _serve(demo)
    print(_farewell(demo, was_paused=was_paused), flush=True)
    return 0


def _end_with_input() -> None:
    """End when the standard input is closed: the demo that started this one has ended."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _farewell(demo: Demo, *, was_paused: bool) -> str:
    kept = f"Everything saved is in {demo.folders.data}."
    if was_paused:
        return f"The demo is paused, as the machine would be. {kept}\nStart it again the same way to resume."
    return f"The demo has ended. {kept}"


def _default_data_folder() -> Path:
    from jupyter_core.paths import jupyter_data_dir  # noqa: PLC0415 - `--help` is quick without it

    return Path(jupyter_data_dir()) / DATA_FOLDER_NAME


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _refuse_port_in_use(port: int | None) -> None:
    if port is None:
        return
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((ADDRESS, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {ADDRESS} cannot be used ({error.strerror}). "
                "Name another one, or leave --port out for a free one."
            ) from error


def _welcome(demo: Demo, *, data_was_named: bool) -> str:
    other = "reviewer" if demo.folders.person != "reviewer" else "author"
    data = f" --data {shlex.quote(str(demo.folders.data))}" if data_was_named else ""
    name = _NAMES[demo.interface]
    in_interface = f"In {name}".ljust(len("Data folder  "))
    return f"""\
A demo of Terra's cloud environment, as '{demo.folders.person}': made-up notebooks, nothing leaves this machine.

  {in_interface}  the notebook '{START_HERE}' leads you through it in five minutes.
  Data folder    {demo.folders.data}
  More people    jupyter terra-env demo --as {other}{data}     (in another terminal)
  To stop        Ctrl-C here

{name} is starting; its address follows.
"""


def _set_variables(demo: Demo, bucket_url: str) -> None:
    """Set the variables Terra gives its containers, and where the bucket is; kernels see them too."""
    os.environ.pop("TERRA_ENV_EMBEDDED_BUCKET", None)  # The bucket is reached like one in a network: it can be lost.
    os.environ.update(
        {
            "WORKSPACE_NAME": WORKSPACE,
            "WORKSPACE_BUCKET": f"gs://{BUCKET}",
            "OWNER_EMAIL": demo.folders.email,
            "STORAGE_EMULATOR_HOST": bucket_url,
        }
    )


def _jupyter_settings(demo: Demo) -> dict[str, dict[str, Any]]:
    """JupyterLab's settings: the user's own configuration applies, except for what the demo depends on."""
    port = {} if demo.port is None else {"port": demo.port, "port_retries": 0}
    return {
        "ServerApp": {
            "ip": ADDRESS,
            "root_dir": str(demo.folders.home),
            "allow_root": os.geteuid() == 0,
            "answer_yes": True,
            "open_browser": demo.with_browser,
            **port,
        },
        "LabApp": {
            "default_url": demo.start_path,
            "open_browser": demo.with_browser,
            "workspaces_dir": str(demo.folders.lab),
            "user_settings_dir": str(demo.folders.settings),
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        },
        "TerraEnvApp": {
            "workspaces": [{"name": WORKSPACE, "bucket": f"gs://{BUCKET}", "prefix": PREFIX}],
            # The demo refuses it with its own message.
            "allow_other_contents_manager": True,
            "edit_folder": EDIT_FOLDER,
            "playground_folder": PLAYGROUND_FOLDER,
            "prefix": PREFIX,
            "pattern": r".*\.ipynb",
            "owner_email": demo.folders.email,
            "collaborators": demo.folders.other_emails,
            "embedded_bucket": "",
            "state_directory": str(demo.folders.home / ".jupyter-terra-env"),
        },
        "AutopauseSettings": {
            "process_scope": "server",
            "watch_metadata": "off",
            # Pausing the machine ends the demo; everything saved is there at the next start.
            "pause_chain": ["command"],
            "pause_command": [sys.executable, "-c", _PAUSE.format(os.getpid())],
        },
    }


def _serve(demo: Demo) -> bool:
    """Serve until the end.

    Returns:
        Whether the end was a pause.
    """
    # Only here: Jupyter takes half a second.
    from jupyter_core.paths import jupyter_runtime_dir  # noqa: PLC0415

    from jupyter_terra_env.cli.demo_bucket import DemoBucket  # noqa: PLC0415
    from jupyter_terra_env.cli.demo_colleague import Colleague  # noqa: PLC0415

    has_colleague = demo.folders.person != COLLEAGUE
    colleague = Colleague(demo.folders.data, Path(jupyter_runtime_dir())) if has_colleague else None
    with contextlib.ExitStack() as left_open:
        bucket = left_open.enter_context(contextlib.closing(DemoBucket(demo.folders.bucket)))
        if colleague is not None:
            left_open.callback(colleague.end)
        _set_variables(demo, bucket.url)
        server = _start(demo, bucket, colleague)
        paused = _end_on_signals(server, colleague)
        server.start()
        return paused.is_set()


def _start(demo: Demo, bucket: "DemoBucket", colleague: "Colleague | None") -> Any:
    """Create the server, ready to start, with what the notebook *Start here* needs."""
    import fcntl  # noqa: PLC0415 - not on every system; see unsupported_system

    from jupyterlab.labapp import LabApp  # type: ignore[import-untyped] # noqa: PLC0415
    from traitlets.config import Config  # noqa: PLC0415

    from jupyter_terra_env.cli.demo_control import Control, add_control  # noqa: PLC0415
    from jupyter_terra_env.cli.demo_steps import TOKEN_VARIABLE, URL_VARIABLE  # noqa: PLC0415

    turn = demo.folders.turn.open("w")
    # Jupyter finds a free port first and takes it later: two demos at once would find the same one.
    fcntl.flock(turn, fcntl.LOCK_EX)
    # Given like this, settings count as much as those of a command line.
    server = LabApp.initialize_server(argv=[], config=Config(_jupyter_settings(demo)))
    _refuse_without_extension(server)
    add_control(server, Control(bucket=bucket, colleague=colleague, with_browser=demo.with_browser))
    os.environ.update({URL_VARIABLE: server.connection_url, TOKEN_VARIABLE: server.identity_provider.token})
    # The loop takes the port before it does this.
    server.io_loop.add_callback(turn.close)
    return server


def _refuse_without_extension(server: Any) -> None:
    from jupyter_terra_env.server.contents.manager import TerraContentsManager  # noqa: PLC0415 - slow to import

    manager = server.contents_manager
    if not server.jpserver_extensions.get("jupyter_terra_env"):
        raise SettingsError(
            "The server extension jupyter_terra_env is disabled in this Jupyter's configuration. "
            "Enable it with 'jupyter server extension enable jupyter_terra_env'."
        )
    if not isinstance(manager, TerraContentsManager) or manager.parts is None:
        raise SettingsError(
            f"This Jupyter's configuration sets another contents manager ({type(manager).__name__}), so workspace "
            "folders cannot be shown. Remove 'ServerApp.contents_manager_class' from it."
        )


def _end_on_signals(server: Any, colleague: "Colleague | None") -> threading.Event:
    """Let one Ctrl-C end everything: pending saves, kernels, both servers. Further ones are ignored.

    Jupyter asks a question on a terminal, and without one leaves its kernels behind.

    Returns:
        Set when the end is a pause: autopause's command sends another signal.
    """
    paused = threading.Event()
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

    def end(number: int, _frame: FrameType | None) -> None:
        for each in ends:
            signal.signal(each, signal.SIG_IGN)
        if number == signal.SIGUSR1:
            paused.set()
        if colleague is not None:
            colleague.ask_to_end()
        server.stop(from_signal=True)

    for number in ends:
        signal.signal(number, end)
    return paused
