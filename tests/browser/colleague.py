"""The workspace's bucket as another person sees it, with a plain Cloud Storage client."""

import contextlib
import json
import platform
import time
from pathlib import Path

from google.api_core.exceptions import Conflict
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter
from jupyter_terra_env.rules.edit_lock import Holder, owner_hash, released, taken

BUCKET = "my-workspace-bucket"


class Colleague:
    """Another person with a plain Cloud Storage client."""

    def __init__(self, directory: Path) -> None:
        self._engine = EmbeddedBucket(directory / DATABASE_NAME)
        self._client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
        )
        self._client._http.mount(ENDPOINT, EmbeddedAdapter(self._engine))
        with contextlib.suppress(Conflict):  # another person's server has made it
            self._client.create_bucket(BUCKET)

    def put(self, name, source):
        """Write a notebook of one code cell."""
        self.put_notebook(name, notebook(source))

    def put_notebook(self, name, content, *, by=None):
        """Write a notebook; by someone who has edited it, and has given the lock back."""
        blob = self._blob(name)
        if by is not None:
            blob.metadata = released(Holder(owner=owner_hash(BUCKET, by), environment="elsewhere"))
        blob.upload_from_string(json.dumps(content), content_type="application/x-ipynb+json")

    @contextlib.contextmanager
    def keeping_versions(self):
        """Within it, the bucket keeps what is replaced or deleted."""
        bucket = self._client.get_bucket(BUCKET)
        for enabled in (True, False):
            bucket.versioning_enabled = enabled
            bucket.patch()
            if enabled:
                yield

    def cells(self, name):
        """All cells of a notebook: id and source of each, as one string."""
        cells = json.loads(self._blob(name).download_as_bytes())["cells"]
        return [(cell["id"], "".join(cell["source"])) for cell in cells]

    def cell(self, name):
        """The first cell of a notebook, its source as one string."""
        cell = json.loads(self._blob(name).download_as_bytes())["cells"][0]
        return {**cell, "source": "".join(cell["source"])}

    def generation(self, name):
        """The generation of a notebook."""
        blob = self._blob(name)
        blob.reload()
        return blob.generation

    def updated(self, name):
        """When a notebook was last written, in seconds since 1970."""
        blob = self._blob(name)
        blob.reload()
        return blob.updated.timestamp()

    def delete(self, name):
        """Delete a notebook."""
        self._blob(name).delete()

    def names(self):
        """The names of all notebooks."""
        return {blob.name.removeprefix("notebooks/") for blob in self._client.list_blobs(BUCKET)}

    def lock(self, name, email, environment="elsewhere"):
        """Take the edit lock for someone, whoever has it: as a client without preconditions does."""
        holder = Holder(owner=owner_hash(BUCKET, email), environment=environment)
        blob = self._blob(name)
        blob.metadata = taken(holder, int(time.time() * 1000))
        blob.patch()

    def is_locked(self, name):
        """Whether someone holds the edit lock of a notebook."""
        blob = self._blob(name)
        blob.reload()
        return int((blob.metadata or {}).get("lockExpiresAt", 0)) > time.time() * 1000

    def close(self):
        self._client.close()
        self._client._http.close()
        self._engine.close()

    def _blob(self, name):
        return self._client.bucket(BUCKET).blob(f"notebooks/{name}")


def cell(name, source, outputs=()):
    """A code cell of this id."""
    fields = {"cell_type": "code", "id": name, "metadata": {}, "execution_count": None}
    return {**fields, "outputs": list(outputs), "source": source}


def notebook(source):
    """A notebook of one code cell, complete, so that opening it gives the front end no reason to change it."""
    return notebook_of(cell("c0", source))


def notebook_of(*cells):
    """A notebook of these cells, likewise complete."""
    return {
        "cells": list(cells),
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {
                "codemirror_mode": {"name": "ipython", "version": 3},
                "file_extension": ".py",
                "mimetype": "text/x-python",
                "name": "python",
                "nbconvert_exporter": "python",
                "pygments_lexer": "ipython3",
                "version": platform.python_version(),
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
