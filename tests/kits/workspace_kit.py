"""What the tests of a whole server share: notebooks, the bucket as another person sees it, answers."""

import json
import time
from dataclasses import dataclass, field

import nbformat
from google.cloud import storage
from nbformat import v4

from jupyter_terra_env.bucket.embedded.faults import FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.rules.edit_lock import ENVIRONMENT_KEY, EXPIRY_KEY, OWNER_KEY, owner_hash

BUCKET = "test-bucket"
IMPATIENT = {"bucket_retry_deadline_seconds": 1.0, "listing_max_age_seconds": 0.0, "save_wait_seconds": 0.3}
"""Settings of a server whose saves wait for their uploads no longer than they do by default."""
WORKSPACE = "My work"
WRITES = ("objects.insert", "objects.patch", "objects.delete", "objects.move", "objects.rewrite", "objects.copy")


def notebook(*sources, outputs=(), **metadata):
    """A notebook with one code cell per source."""
    cells = [v4.new_code_cell(source, id=f"cell-{index}") for index, source in enumerate(sources)]
    for output in outputs:
        cells[0].outputs.append(output)
    return v4.new_notebook(cells=cells, metadata=metadata)


def text_of(nb):
    """A notebook as Jupyter writes it to a file."""
    return nbformat.writes(nb) + "\n"


def sources(nb):
    """The cells' sources; files have them as lists of lines."""
    return ["".join(cell["source"]) for cell in nb["cells"]]


def record_of(bucket, email, environment="elsewhere"):
    """The record in the edit lock of a person who edits a notebook just now, in an environment of theirs."""
    expiry = str(int((time.time() + 170) * 1000))
    return {OWNER_KEY: owner_hash(bucket.name, email), EXPIRY_KEY: expiry, ENVIRONMENT_KEY: f"{environment}@{expiry}"}


def another_persons_lock(left_seconds=3600):
    """The record of another person who edits a notebook just now."""
    return {"lastLockedBy": "f" * 64, "lockExpiresAt": str(int((time.time() + left_seconds) * 1000))}


def parts_of(serverapp):
    """What a running server has wired."""
    [app] = serverapp.extension_manager.extension_apps["jupyter_terra_env"]
    return app.wired


@dataclass
class BucketBehind:
    """The bucket as another person sees it: a client of its own, on the same database, without the server's faults."""

    client: storage.Client
    faults: FaultPlan
    front: EmbeddedServer
    name: str = BUCKET
    _badges: list = field(default_factory=list)

    def put(self, name, content, **kwargs):
        blob = self.client.bucket(self.name).blob(name)
        blob.metadata = kwargs.pop("metadata", None)
        blob.upload_from_string(content, **kwargs)
        return blob

    def put_notebook(self, name, *cell_sources, **kwargs):
        return self.put("notebooks/" + name, text_of(notebook(*cell_sources)), **kwargs)

    def get(self, name):
        blob = self.client.bucket(self.name).get_blob("notebooks/" + name)
        if blob is not None:
            blob.content = blob.download_as_bytes()
        return blob

    def sources(self, name):
        return sources(json.loads(self.get(name).content))

    def names(self):
        return [blob.name for blob in self.client.list_blobs(self.name)]

    def mark(self):
        """Count requests of the server from here."""
        self._badges = list(self.faults.history)

    @property
    def requests(self):
        """What the server asked since the mark."""
        return [(handled.operation, handled.status) for handled in self.faults.history[len(self._badges) :]]

    @property
    def writes(self):
        return [operation for operation, _ in self.requests if operation.startswith(WRITES)]


@dataclass
class Answer:
    """An HTTP answer; errors are answers too."""

    code: int
    body: bytes

    @property
    def model(self):
        return json.loads(self.body)

    @property
    def reason(self):
        return self.model["reason"]

    @property
    def message(self):
        return self.model["message"]

    @property
    def names(self):
        return sorted(entry["name"] for entry in self.model["content"])
