"""A notebook as a page: a child process renders it, and a page that says why takes its place if it cannot."""

import asyncio
from dataclasses import dataclass
from html import escape

from jupyter_terra_env.notebooks.untrusted.cage import Cage, DeclinedError, Lane, NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import OVER_A_LIMIT, Limits
from jupyter_terra_env.notebooks.untrusted.memory_file import MemoryFile

_MIB = 1 << 20
LIMITS = Limits(cpu_seconds=8, wall_seconds=60.0, memory_bytes=1024 * _MIB, output_bytes=128 * _MIB, niceness=10)
_JOB = "jupyter_terra_env.notebooks.preview.rendering:render"
_MOST_SKIPPED = 2
"""Cells that are left out, each after a child has died of it, before the whole notebook is given up."""
_MOST_TITLE_CHARACTERS = 300
_MAIN = b"<main>"
"""Where a page's own content begins. Nothing of a notebook can be this tag: markup is cleaned, text is escaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page about one notebook.

    Attributes:
        html: the whole page, UTF-8.
        why_not_shown: why the page does not show the notebook, as the second half of a sentence; None if it does.
        is_lasting: whether the same content would give the same page again.
    """

    html: bytes
    why_not_shown: str | None = None
    is_lasting: bool = True

    def with_banner(self, banner: str) -> tuple[memoryview, ...]:
        """The page with markup of ours above the notebook, in pieces to be written one after the other.

        The page itself is not copied: it may have 128 MiB.
        """
        whole, at = memoryview(self.html), self.html.index(_MAIN) + len(_MAIN)
        return whole[:at], memoryview(banner.encode("utf-8")), whole[at:]


async def rendered(cage: Cage, content: bytes, title: str, *, advice: str) -> Page | None:
    """A notebook as an HTML page, which says what of it is not shown, or why nothing is.

    Args:
        cage: renders it.
        content: the notebook, as stored.
        title: of the page.
        advice: what a reader can do if nothing is shown: a sentence.

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
                return _page_without(title, error, advice)
            skip[cell] = str(error)
        else:
            return Page(html=await asyncio.to_thread(target.read)) if answer["is_notebook"] else None


def _page_without(title: str, error: NotDoneError, advice: str) -> Page:
    """A page that says why nothing is shown."""
    html = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        '<body style="font-family: sans-serif; margin: 2em"><main><p>'
        f"The preview of {escape(title)} is not shown: {escape(str(error))}. {escape(advice)}</p>"
        "</main></body></html>\n"
    )
    return Page(html=html.encode("utf-8"), why_not_shown=str(error), is_lasting=error.death in OVER_A_LIMIT)


def _in_memory(content: bytes) -> MemoryFile:
    file = MemoryFile("notebook")
    file.write(content)
    return file
