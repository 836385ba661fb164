"""What each call of Welder's API does; the two mounts only carry requests and answers."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jupyter_terra_env._version import __version__
from jupyter_terra_env.notebooks.linked_files import LinkedFiles
from jupyter_terra_env.notebooks.linked_objects import LinkedObjects, Standings, SyncStatus
from jupyter_terra_env.notebooks.storage_links import StorageLinks
from jupyter_terra_env.rules.errors import TerraEnvError
from jupyter_terra_env.rules.storage_links import BadRequest, parse_link, parse_path, parse_source
from jupyter_terra_env.server.welder.errors import Answer, error_answer

MOST_ENTRIES = 1000
MOST_BODY_BYTES = 32 * 2**20
FLUSH_SECONDS = 50.0
"""Leonardo waits for 60 s, once, before it stops the machine."""
_TRACE_HEADER = "X-Cloud-Trace-Context"
_LONGEST_TRACE = 200

Log = logging.Logger | logging.LoggerAdapter[Any]
Call = Callable[[Any], Awaitable[Answer]]


class WelderApi:
    """Answers calls.

    Args:
        links: storage links.
        files: puts files on the disk.
        objects: saves, locks and deletes by local path.
        take_over: takes up what a Welder has left; None for nothing.
        flush: brings everything to safety within so many seconds; returns whether all of it is at least on the disk.
        new_id: gives a random id for a request that brings none.
        log: the server's log; contents, names of files and addresses stay out of it.
    """

    def __init__(  # noqa: PLR0913 - what the calls are about, and what a stop takes, each by name
        self,
        links: StorageLinks,
        files: LinkedFiles,
        objects: LinkedObjects,
        *,
        take_over: Callable[[], Awaitable[None]] | None,
        flush: Callable[[float], Awaitable[bool]],
        new_id: Callable[[], str],
        log: Log,
    ) -> None:
        self._links = links
        self._files = files
        self._objects = objects
        self._take_over = take_over
        self._flush = flush
        self._new_id = new_id
        self._log = log
        self._calls: Mapping[str, Mapping[str, Call]] = {
            "status": {"GET": self._status},
            "storageLinks": {"GET": self._list, "POST": self._link, "DELETE": self._unlink},
            "objects": {"POST": self._act},
            "objects/metadata": {"POST": self._metadata},
            "objects/lock": {"POST": self._lock},
            "cache/flush": {"POST": self._flush_all},
        }

    async def start(self) -> None:
        """Take over the records that a Welder has left for this disk."""
        if self._take_over is not None:
            await self._take_over()

    async def answer(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer a request.

        Args:
            method: HTTP method.
            path: path below the mount, without outer slashes.
            body: JSON, for any Content-Type.
            headers: the request's.
        """
        call = self._calls.get(path, {}).get(method)
        if call is None:
            return Answer(status=404, body={"errorMessage": "Not found", "errorCode": None, "traceId": None})
        trace_id = headers.get(_TRACE_HEADER, "")[:_LONGEST_TRACE] or self._new_id()
        sent: Any = None
        try:
            sent = _parsed(body) if method != "GET" and path != "cache/flush" else None
            return await call(sent)
        except (BadRequest, TerraEnvError, OSError) as error:
            return error_answer(error, action=_action(path, sent), path=_path(sent), trace_id=trace_id)
        except Exception:  # noqa: BLE001 - the boundary of a call: the client gets an answer it can read
            self._log.exception("jupyter_terra_env: a call of Welder's API failed (trace %s).", trace_id)
            failed = TerraEnvError("This call failed; the server's log says why.")
            return error_answer(failed, action="", path="", trace_id=trace_id)

    async def localize_by_destination(self, body: bytes) -> Answer:
        """Localize as older pages ask for it.

        Args:
            body: JSON: sources by destination; a destination may begin with ``~/``, the server's root.
        """
        try:
            sent = _parsed(body)
            entries = [
                (parse_source(source), parse_path({"localPath": path.removeprefix("~/")}))
                for path, source in sent.items()
            ]
            await self._files.localize(entries)
        except (BadRequest, TerraEnvError, OSError) as error:
            return error_answer(error, action="localize", path="", trace_id=self._new_id())
        return Answer(status=200)

    async def _status(self, _: Any) -> Answer:
        return Answer(status=200, body={"buildTime": "jupyter_terra_env", "gitHeadCommit": __version__})

    async def _list(self, _: Any) -> Answer:
        return Answer(status=200, body={"storageLinks": [link.to_json() for link in self._links.listed]})

    async def _link(self, body: Any) -> Answer:
        link = parse_link(body)
        await self._links.add(link)
        return Answer(status=200, body=link.to_json())

    async def _unlink(self, body: Any) -> Answer:
        await self._links.remove(parse_link(body))
        return Answer(status=204)

    async def _act(self, body: Any) -> Answer:
        match body.get("action"):
            case "localize":
                await self._files.localize(_entries(body))
            case "safeDelocalize":
                await self._objects.save(parse_path(body))
            case "delete":
                await self._objects.delete(parse_path(body))
            case _:
                raise BadRequest("action: expected localize, safeDelocalize or delete")
        return Answer(status=204)

    async def _metadata(self, body: Any) -> Answer:
        return Answer(status=200, body=_metadata_fields(await self._objects.metadata(parse_path(body))))

    async def _lock(self, body: Any) -> Answer:
        await self._objects.lock(parse_path(body))
        return Answer(status=204)

    async def _flush_all(self, _: Any) -> Answer:
        if not await self._flush(FLUSH_SECONDS):
            raise TerraEnvError("Not everything is safe on this disk; the server's log says what is not.")
        return Answer(status=204)


def _metadata_fields(found: Standings) -> dict[str, Any]:
    link = found.match.link.to_json()
    match found.status:
        case None:
            return {"syncMode": "SAFE", "storageLink": link}
        case SyncStatus.REMOTE_NOT_FOUND:
            return {"syncMode": "EDIT", "syncStatus": found.status.value, "storageLink": link}
        case _:
            return {
                "syncMode": "EDIT",
                "syncStatus": found.status.value,
                "lastLockedBy": found.locked_by,
                "storageLink": link,
            }


def _entries(body: Mapping[str, Any]) -> list[tuple[tuple[str, str] | bytes, str]]:
    entries = body.get("entries")
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise BadRequest(f"entries: expected a list of at most {MOST_ENTRIES}")
    if not all(isinstance(entry, Mapping) for entry in entries):
        raise BadRequest("entries: expected objects with sourceUri and localDestinationPath")
    return [(parse_source(entry.get("sourceUri")), parse_path(entry, "localDestinationPath")) for entry in entries]


def _parsed(body: bytes) -> Mapping[str, Any]:
    if len(body) > MOST_BODY_BYTES:
        raise BadRequest(f"The body has more than {MOST_BODY_BYTES} bytes.")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(parsed, dict):
        raise BadRequest("The body is not a JSON object.")
    return parsed


def _action(path: str, sent: Any) -> str:
    if path == "objects/lock":
        return "lock"
    action = sent.get("action") if isinstance(sent, dict) else None
    return action if isinstance(action, str) else ""


def _path(sent: Any) -> str:
    path = sent.get("localPath") if isinstance(sent, dict) else None
    return path if isinstance(path, str) else ""
