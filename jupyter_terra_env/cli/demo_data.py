"""The demo's data folder: one embedded bucket for all persons, one home folder for each.

DIR/bucket                the embedded bucket
DIR/users/NAME/home       the server's root folder of one person
DIR/users/NAME/lab        how that person's JupyterLab was left
DIR/users/NAME/settings   that person's JupyterLab settings
DIR/starting              locked by the demo that is starting
"""

import json
import os
import platform
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import quote, urlencode

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.errors import DatabaseUnusableError
from jupyter_terra_env.bucket.embedded.messages import Request
from jupyter_terra_env.rules.errors import SettingsError

WORKSPACE = "Demo workspace"
BUCKET = "demo-workspace-bucket"
PREFIX = "notebooks/"
EDIT_FOLDER = "edit"
PLAYGROUND_FOLDER = "playground"
FIRST_PERSON = "you"
COLLEAGUE = "colleague"
START_HERE = "Start here.ipynb"
COLLEAGUES_NOTEBOOK = "gc-content.ipynb"
"""The notebook that the colleague opens."""
CONFLICT_NOTEBOOK = "cohort-summary.ipynb"
"""The notebook that another program changes on purpose."""

_SEEDED = {"labels": {"demo-notebooks": "seeded"}}


@dataclass(frozen=True, slots=True)
class DemoFolders:
    """Where one person's demo keeps its files.

    Attributes:
        data: the folder that all persons share.
        person: whose demo it is.
    """

    data: Path
    person: str

    @property
    def bucket(self) -> Path:
        """The embedded bucket's folder."""
        return self.data / "bucket"

    @property
    def turn(self) -> Path:
        """Locked by the demo that is starting."""
        return self.data / "starting"

    @property
    def email(self) -> str:
        """An address that cannot exist (RFC 2606)."""
        return f"{self.person}@demo.invalid"

    @property
    def other_emails(self) -> list[str]:
        """Addresses of all others: the demo's own two persons, and everyone who has used this data folder before."""
        users = self.data / "users"
        here = {folder.name for folder in users.iterdir()} if users.is_dir() else set()
        others = (here | {FIRST_PERSON, COLLEAGUE}) - {self.person}
        return [DemoFolders(self.data, person).email for person in sorted(others)]

    @property
    def home(self) -> Path:
        """The server's root folder: this person's persistent disk."""
        return self.data / "users" / self.person / "home"

    @property
    def lab(self) -> Path:
        """JupyterLab's own notes, so that two persons do not share open tabs."""
        return self.data / "users" / self.person / "lab"

    @property
    def settings(self) -> Path:
        """JupyterLab's settings of this person."""
        return self.data / "users" / self.person / "settings"


def prepare(folders: DemoFolders) -> None:
    """Make the folders and, once in the life of a data folder, the bucket with its notebooks.

    Several demos may do so at once: each request is conditional, so nothing a person has edited is replaced. A label
    of the bucket records that it is done, so that a notebook deleted later stays deleted.

    Raises:
        SettingsError: the data folder cannot be used.
    """
    try:
        # `parents=True` would make the folders above with the rights everybody has.
        folders.data.parent.mkdir(parents=True, exist_ok=True)
        _refuse_what_others_made(folders.data)
        folders.data.mkdir(mode=0o700, exist_ok=True)
        _refuse_what_others_may_write(folders)
        for folder in (folders.home, folders.lab):
            folder.mkdir(parents=True, exist_ok=True)
        _settle(folders.settings, "notification", {"fetchNews": "false"})
        if folders.person != FIRST_PERSON:
            _settle(folders.settings, "themes", {"theme": "JupyterLab Dark"})
        with EmbeddedBucket(folders.bucket / DATABASE_NAME) as bucket:
            _seed(bucket)
    except OSError as error:
        raise SettingsError(
            f"The data folder {folders.data} cannot be used ({error.strerror or error}). Name another one with --data."
        ) from error
    except DatabaseUnusableError as error:
        raise SettingsError(f"{error}. Name another data folder with --data.") from error


def _refuse_what_others_made(folder: Path) -> None:
    """Refuse a link that another user has put in the folder's place: it may lead anywhere.

    Raises:
        SettingsError: there is such a link.
    """
    if folder.is_symlink() and folder.lstat().st_uid != os.geteuid():
        raise SettingsError(f"The data folder {folder} is another user's link. Name another one with --data.")


def _refuse_what_others_may_write(folders: DemoFolders) -> None:
    """Refuse a folder in which another user may create links, and files that such a user has put there.

    Raises:
        SettingsError: it is such a folder, or has such a file.
    """
    info = folders.data.stat()
    if info.st_uid != os.geteuid():
        raise SettingsError(f"The data folder {folders.data} is another user's. Name another one with --data.")
    if info.st_mode & stat.S_IWOTH:
        raise SettingsError(
            f"Every user of this machine may write in the data folder {folders.data}. "
            "Name another one with --data, or take the right from them (chmod o-w)."
        )
    users = folders.data / "users"
    person = users / folders.person
    for path in (folders.bucket, folders.turn, users, person, folders.home, folders.lab, folders.settings):
        if os.path.lexists(path) and (path.is_symlink() or path.lstat().st_uid != os.geteuid()):
            raise SettingsError(
                f"{path} in the data folder is a link, or another user's. Remove it, or name another with --data."
            )


def _settle(settings: Path, what: str, chosen: Mapping[str, str]) -> None:
    """Preset a setting of JupyterLab, once.

    A demo uses no network, not even for news; and the second person's JupyterLab looks different from the first's.
    """
    file = settings / "@jupyterlab" / "apputils-extension" / f"{what}.jupyterlab-settings"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(chosen), encoding="utf-8")


def has_start_page(folders: DemoFolders) -> bool:
    """Whether the notebook *Start here* is in the bucket: it may have been deleted.

    Raises:
        OSError: the bucket cannot be read.
    """
    with EmbeddedBucket(folders.bucket / DATABASE_NAME) as bucket:
        target = f"/storage/v1/b/{BUCKET}/o/{quote(PREFIX + START_HERE, safe='')}"
        return bool(json.loads(ask(bucket, "GET", target, settled_by=404)).get("name"))


def demo_notebooks() -> Iterator[tuple[str, bytes]]:
    """The demo's notebooks: path below the workspace folder, content.

    They have the version of the running Python in their metadata: JupyterLab would otherwise change it when a notebook
    is opened.
    """
    for path, file in _below(files("jupyter_terra_env.cli") / "demo_notebooks", ""):
        notebook = json.loads(file.read_text(encoding="utf-8"))
        notebook["metadata"]["language_info"]["version"] = platform.python_version()
        text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)
        yield path, f"{text}\n".encode()


def _below(folder: Traversable, parent: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _below(entry, f"{parent}{entry.name}/")
        elif entry.name.endswith(".ipynb"):
            yield parent + entry.name, entry


def _seed(bucket: EmbeddedBucket) -> None:
    ask(bucket, "POST", "/storage/v1/b", {"name": BUCKET}, settled_by=409)
    about = json.loads(ask(bucket, "GET", f"/storage/v1/b/{BUCKET}"))
    if about.get("labels") == _SEEDED["labels"]:
        return
    for path, content in demo_notebooks():
        query = urlencode({"uploadType": "media", "name": PREFIX + path, "ifGenerationMatch": 0})
        ask(bucket, "POST", f"/upload/storage/v1/b/{BUCKET}/o?{query}", content, settled_by=412)
    ask(bucket, "PATCH", f"/storage/v1/b/{BUCKET}", _SEEDED)


def ask(
    bucket: EmbeddedBucket,
    method: str,
    target: str,
    body: bytes | Mapping[str, object] = b"",
    *,
    settled_by: int = 200,
) -> bytes:
    """Send a request to the bucket; `settled_by` is the status that means it has been done already.

    Raises:
        OSError: the bucket refuses.
    """
    content_type = "application/x-ipynb+json" if isinstance(body, bytes) else "application/json"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = bucket.handle(
        Request(method=method, target=target, headers={"content-type": content_type}, body=content)
    )
    if response.status not in {200, settled_by}:
        raise OSError(f"its bucket answered {response.status}: {response.body.decode(errors='replace')}")
    return response.body
