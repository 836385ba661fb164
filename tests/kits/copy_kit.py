"""Copies between a disk and an embedded bucket in this process, with faults."""

import asyncio
import contextlib
import logging
import time
from pathlib import Path

from environments import BUCKET, WORKSPACE, Outsider

from jupyter_terra_env.bucket.clock import BucketClock, machine_clock
from jupyter_terra_env.bucket.connection import Connection
from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import FaultPlan
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter
from jupyter_terra_env.rules.copy_decisions import IfExists
from jupyter_terra_env.rules.errors import BucketRefused
from jupyter_terra_env.transfers.copier import Copied
from jupyter_terra_env.transfers.items import Result
from jupyter_terra_env.transfers.progress import Progress
from jupyter_terra_env.wiring.copies import Copies, CopySettings


class Desk:
    """A home folder to copy from and to, and the bucket as another person sees it."""

    def __init__(self, home, directory):
        self.home = home
        self.engine = EmbeddedBucket(directory / DATABASE_NAME)
        self.outsider = Outsider(self.engine)
        self.faults = FaultPlan()
        self.waits = []
        self._directory = directory

    def write(self, path, content=b"x"):
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def put(self, name, content=b"x", **properties):
        blob = self.outsider.bucket.blob(name)
        for field, value in properties.items():
            setattr(blob, field, value)
        blob.upload_from_string(content)
        return blob

    def objects(self):
        found = self.outsider.client.list_blobs(BUCKET)
        return {blob.name: blob.download_as_bytes(raw_download=True) for blob in found}

    def files(self):
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and not path.is_symlink()
        }

    def names(self):
        """All files, also those that are on their way."""
        return sorted(self.files())

    @contextlib.contextmanager
    def copies(self, **settings):
        chosen = {"if_exists": IfExists.REFUSE, "workspaces": (WORKSPACE,), **settings}
        limits = {"read_timeout_seconds": 2.0, "retry_deadline_seconds": 0.05}
        connection = Connection(embedded_directory=self._directory, **limits)
        settings = CopySettings(
            root=self.home,
            state=self.home / ".jupyter-terra-env",
            records=self.home.parent / "records",
            connection=connection,
            email="me@example.org",
            environment="env-1234",
            **chosen,
        )

        async def wait(seconds):
            self.waits.append(seconds)

        clock = BucketClock(local_ms=machine_clock(), log=logging.getLogger())
        with Copies(settings, clock, wait=wait) as copies:
            with contextlib.suppress(BucketRefused):
                asyncio.run(copies._bucket(BUCKET).stat("connects"))
            client = copies._threads._client
            client._http.mount(ENDPOINT, EmbeddedAdapter(self.engine, faults=self.faults))
            self.faults.clear()
            try:
                yield copies
            finally:
                self.faults.release()
                copies._threads.end_threads(wait=True)
                copies._disk.shutdown(wait=True)

    def copy(self, *sources, to, between=lambda: None, **settings):
        """Plan, let others do something, and copy."""
        copied = Copied()

        async def both(copies):
            plan = await copies.plan([self._typed(source) for source in sources], self._typed(to))
            copied.outcomes += plan.outcomes
            between()
            items = plan.items
            progress = Progress(
                all_files=len(items), all_bytes=sum(one.size_bytes for one in items), monotonic=time.monotonic
            )
            await copies.copy(items, progress, copied)
            self.standing = progress.now()

        with self.copies(**settings) as copies:
            asyncio.run(both(copies))
        return copied

    def _typed(self, text):
        text = str(text)
        return text if text.startswith(("workspace", "gs://", "/")) else f"{self.home}/{text}"

    def close(self):
        self.outsider.close()
        self.engine.close()


def reasons(copied):
    """Why each was not copied, by the last component of its source."""
    return {one.source.rstrip("/").rpartition("/")[2]: one.reason for one in copied.outcomes if one.reason is not None}


def done(copied):
    """How many were copied, skipped, and failed."""
    return tuple(sum(one.result is result for one in copied.outcomes) for result in Result)


def parts(home):
    """Files of downloads on their way."""
    return list(Path(home).rglob(".terra-env-*"))
