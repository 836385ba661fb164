"""Preview: a notebook as a page to read. Nothing in it runs, and nothing from elsewhere is loaded."""

import asyncio
import re
from html import escape

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_terra_env.notebooks.untrusted.cage import Cage, DeclinedError, Lane, NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import OVER_A_LIMIT, Limits
from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.abandoned_work import AbandonsWork
from jupyter_terra_env.server.http_errors import as_http_errors
from jupyter_terra_env.server.workspace_handler import WorkspaceHandler

_MIB = 1 << 20
LIMITS = Limits(cpu_seconds=8, wall_seconds=60.0, memory_bytes=1024 * _MIB, output_bytes=128 * _MIB, niceness=10)
_JOB = "jupyter_terra_env.server.api.preview_rendering:render"
_MOST_SKIPPED = 2
"""Cells that are left out, each after a child has died of it, before the whole notebook is given up."""
_MOST_TITLE_CHARACTERS = 300
_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_FRAMES = re.compile(r"frame-ancestors(?:\s+[^;,]*)?", re.IGNORECASE)
_OWN_FRAMES = "frame-ancestors 'self'"


class PreviewHandler(AbandonsWork, WorkspaceHandler):
    """``GET /terra-env/preview?path=…``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer an HTML page."""
        location = self.locate(self.path_in_question())
        page = await self.while_connected(self._page(location))
        self.set_header("Content-Type", "text/html; charset=utf-8")
        operators = self.settings.get("headers", {})
        self.set_header("Content-Security-Policy", policy_within(operators))
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("X-DNS-Prefetch-Control", "off")
        self.write(page)
        # Not ``finish`` of Jupyter's API handlers, which would call it JSON.
        await web.RequestHandler.finish(self)

    async def _page(self, location: Location) -> bytes:
        with as_http_errors(location.api_path):
            previews = self.parts.previews
            content = await previews.content(location)
            page = await rendered(self.parts.cage, content, location.name)
            if page is None:
                raise OperationRefused(
                    RefusalReason.NO_PREVIEW, f"{location.api_path} is not a notebook that can be shown."
                )
        return page


async def rendered(cage: Cage, content: bytes, title: str) -> bytes | None:
    """A notebook as an HTML page, which says what of it is not shown, or why nothing is.

    Args:
        cage: renders it.
        content: the notebook, as stored.
        title: of the page.

    Returns:
        The page; None when the content is no notebook.
    """
    source = await asyncio.to_thread(_in_memory, content)
    skip: dict[int, str] = {}
    while True:
        target, progress = MemoryFile("page"), MemoryFile("progress")
        request = {"title": title[:_MOST_TITLE_CHARACTERS], "skip": skip}
        files = [source.fileno(), target.fileno(), progress.fileno()]
        try:
            async with cage.talk(_JOB, request, files, LIMITS, lane=Lane.PREVIEWS) as conversation:
                answer = await conversation.receive()
        except DeclinedError:
            return None
        except NotDoneError as error:
            cell = int.from_bytes(progress.read(), "little")
            if error.death not in OVER_A_LIMIT or cell == 0 or cell in skip or len(skip) >= _MOST_SKIPPED:
                return _page_without(title, error)
            skip[cell] = str(error)
        else:
            return await asyncio.to_thread(target.read) if answer["is_notebook"] else None


def policy_within(headers: object) -> str:
    """The policy of a preview, in the frames that the operator allows Jupyter's pages in.

    Args:
        headers: ``headers`` of the server's ``tornado_settings``.
    """
    known = headers.items() if isinstance(headers, dict) else ()
    theirs = [str(value) for name, value in known if str(name).lower() == "content-security-policy"]
    found = [directive.strip() for value in theirs for directive in _FRAMES.findall(" ".join(value.split()))]
    first, *others = found or [_OWN_FRAMES]
    # Of several policies, each has to allow it.
    return ", ".join([f"{_POLICY}; {first}", *others])


def _page_without(title: str, error: NotDoneError) -> bytes:
    """A page that says why nothing is shown."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        '<body style="font-family: sans-serif; margin: 2em"><main><p>'
        f"The preview of {escape(title)} is not shown: {escape(str(error))}. Close this tab and open the notebook "
        "itself with a double click in the file browser; nothing in it runs by being opened.</p></main></body></html>\n"
    ).encode()


def _in_memory(content: bytes) -> MemoryFile:
    file = MemoryFile("notebook")
    file.write(content)
    return file
