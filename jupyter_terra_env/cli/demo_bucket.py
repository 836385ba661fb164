"""One person's connection to the demo's bucket: over HTTP, so that it can be switched off and on like a network."""

import json
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import quote, urlencode

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.cli.demo_data import BUCKET, PREFIX, ask

_OBJECTS = f"/storage/v1/b/{BUCKET}/o"
_UPLOADS = f"/upload/storage/v1/b/{BUCKET}/o"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotebook:
    """A notebook as the bucket has it.

    Attributes:
        name: its path below the workspace's folder.
        updated: when it was written, RFC 3339 in UTC.
    """

    name: str
    updated: str


class DemoBucket:
    """The bucket on a port of this machine. Methods block for milliseconds; ``switch_off`` for up to seconds.

    Args:
        folder: the embedded bucket's folder.

    Attributes:
        url: the value for STORAGE_EMULATOR_HOST; it contains a token.
    """

    def __init__(self, folder: Path) -> None:
        self._engine = EmbeddedBucket(folder / DATABASE_NAME)
        self._guard = Lock()
        self._front: EmbeddedServer | None = EmbeddedServer(self._engine)
        self._port, self._token = self._front.port, self._front.token
        self.url = self._front.url
        self._front.start()

    @property
    def is_on(self) -> bool:
        """Whether this person can reach it."""
        return self._front is not None

    def switch_off(self) -> None:
        """Stop answering: connections are refused, as without a network."""
        with self._guard:
            if self._front is not None:
                self._front.close()
                self._front = None

    def switch_on(self) -> None:
        """Answer again, at the same address.

        Raises:
            OSError: another program has taken the port meanwhile.
        """
        with self._guard:
            if self._front is None:
                front = EmbeddedServer(self._engine, port=self._port, token=self._token)
                front.start()
                self._front = front

    def close(self) -> None:
        """Stop, and close the bucket."""
        self.switch_off()
        self._engine.close()

    def notebooks(self) -> list[StoredNotebook]:
        """List the bucket's notebooks, even while this person cannot reach it.

        Raises:
            OSError: the bucket cannot be read.
        """
        query = urlencode({"prefix": PREFIX, "fields": "items(name,updated)"})
        found = json.loads(ask(self._engine, "GET", f"{_OBJECTS}?{query}")).get("items", [])
        return [StoredNotebook(name=item["name"].removeprefix(PREFIX), updated=item["updated"]) for item in found]

    def add_line(self, name: str, line: str) -> None:
        """Add a line to a notebook's first cell, as a program does that ignores edit locks.

        Args:
            name: path below the workspace's folder.
            line: the line, in Markdown.

        Raises:
            OSError: there is no such notebook, or it was written at the same moment.
        """
        target = f"{_OBJECTS}/{quote(PREFIX + name, safe='')}"
        generation = json.loads(ask(self._engine, "GET", target))["generation"]
        notebook = json.loads(ask(self._engine, "GET", f"{target}?alt=media&generation={generation}"))
        cell = notebook["cells"][0]
        cell["source"] = f"{''.join(cell['source'])}\n\n{line}"
        text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)
        query = urlencode({"uploadType": "media", "name": PREFIX + name, "ifGenerationMatch": generation})
        ask(self._engine, "POST", f"{_UPLOADS}?{query}", f"{text}\n".encode())
