"""A notebook as a preview takes it: malformed parts are left out, and named.

JupyterLab opens notebooks that do not follow the format to the letter; so does a preview.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import nbformat

from jupyter_terra_env.notebooks.untrusted.json_text import parse

_MOST_NOTES = 50
_MOST_NAME_CHARACTERS = 80
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")
_IMAGE_MIME_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
MIME_TYPES = ("text/html", "text/markdown", "image/svg+xml", "text/latex", *_IMAGE_MIME_TYPES, "text/plain")
"""What can be shown, the best first."""
_WIDGET = "application/vnd.jupyter.widget-view+json"
_NOT_SHOWN = {
    _WIDGET: "an interactive widget",
    "application/javascript": "JavaScript",
    "text/vnd.mermaid": "a Mermaid diagram",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output.

    Attributes:
        kind: ``stream``, ``stderr``, ``error`` or one of ``MIME_TYPES``.
        content: text, markup, or an image in base64.
        is_result: whether it is the cell's result.
        width, height: of an image, in pixels, where they are known.
    """

    kind: str
    content: str
    is_result: bool = False
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        number: its place, from 1.
        kind: ``code``, ``markdown`` or ``raw``.
        source: its text.
        count: of its execution.
        outputs: what it has put out.
        attachments: MIME bundles by name.
    """

    number: int
    kind: str
    source: str
    count: int | None = None
    outputs: tuple[Output, ...] = ()
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)


class Notes:
    """Sentences about what is not shown."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._others = 0

    def add(self, sentence: str) -> None:
        """Take note of something that is not shown."""
        if sentence in self._sentences:
            return
        if len(self._sentences) < _MOST_NOTES:
            self._sentences.append(sentence)
        else:
            self._others += 1

    def all(self) -> list[str]:
        """The sentences."""
        more = [f"{self._others} more parts of this notebook."] if self._others else []
        return [*self._sentences, *more]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A notebook.

    Attributes:
        language: name of the lexer for its code; None when it does not say.
        raw_cells: its cells as they are in the file.
    """

    language: str | None
    raw_cells: list[Any]


def read(content: bytes, notes: Notes) -> Document | None:
    """Read a notebook; None when it is none."""
    try:
        document = parse(content)
        if isinstance(document, dict) and document.get("nbformat") in {1, 2, 3}:
            document = nbformat.convert(nbformat.reader.reads(content.decode("utf-8")), 4)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, nbformat.ValidationError):
        return None
    if not isinstance(document, dict) or document.get("nbformat") != nbformat.current_nbformat:
        return None
    cells = document.get("cells")
    if not isinstance(cells, list):
        notes.add("The list of its cells: there is none.")
        cells = []
    return Document(language=_language(document.get("metadata")), raw_cells=cells)


def cell_of(number: int, raw: Any, notes: Notes) -> Cell | None:
    """One cell; None for one that cannot be shown at all.

    Args:
        number: its place, from 1.
        raw: as it is in the file.
        notes: take what is left out.
    """
    kind = raw.get("cell_type") if isinstance(raw, dict) else None
    if kind not in ("code", "markdown", "raw"):
        notes.add(f"Cell {number}: it is of no known type.")
        return None
    source = _text(raw.get("source"))
    if source is None:
        notes.add(f"Cell {number}: its text, which is none.")
    count = raw.get("execution_count")
    if kind == "code" and count is not None and (isinstance(count, bool) or not isinstance(count, int)):
        notes.add(f"Cell {number}: its execution count, which is no number.")
        count = None
    return Cell(
        number=number,
        kind=kind,
        source=source or "",
        count=count if kind == "code" else None,
        outputs=tuple(_outputs(number, raw.get("outputs"), notes)) if kind == "code" else (),
        attachments=_attachments(raw.get("attachments")),
    )


def _language(metadata: Any) -> str | None:
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    if not isinstance(info, dict):
        return None
    name = info.get("pygments_lexer", info.get("name"))
    return name if isinstance(name, str) and _LANGUAGE.fullmatch(name) else None


def _outputs(number: int, raw: Any, notes: Notes) -> Iterator[Output]:
    if raw is not None and not isinstance(raw, list):
        notes.add(f"Cell {number}: its outputs, which are no list.")
    for output in raw if isinstance(raw, list) else ():
        kind = output.get("output_type") if isinstance(output, dict) else None
        read_output = _READERS.get(kind) if isinstance(kind, str) else None
        found = None if read_output is None else read_output(number, output, notes)
        if found is not None:
            yield found
        elif read_output is None:
            notes.add(f"Cell {number}: an output of no known type.")


def _stream(number: int, output: dict[str, Any], notes: Notes) -> Output | None:
    text = _text(output.get("text"))
    if text is None:
        notes.add(f"Cell {number}: a stream without text.")
        return None
    return Output(kind="stderr" if output.get("name") == "stderr" else "stream", content=text)


def _error(number: int, output: dict[str, Any], notes: Notes) -> Output | None:
    traceback = output.get("traceback")
    if isinstance(traceback, list) and all(isinstance(line, str) for line in traceback) and traceback:
        return Output(kind="error", content="\n".join(traceback))
    named = [text for text in (output.get("ename"), output.get("evalue")) if isinstance(text, str)]
    if not named:
        notes.add(f"Cell {number}: an error without a text.")
        return None
    return Output(kind="error", content=": ".join(named))


def _data(number: int, output: dict[str, Any], notes: Notes) -> Output | None:
    bundle = output.get("data")
    data = bundle if isinstance(bundle, dict) else {}
    for mime_type, what in _NOT_SHOWN.items():
        if mime_type in data:
            notes.add(f"Cell {number}: {what}, which needs a program to show it.")
    for mime_type in MIME_TYPES:
        text = _text(data.get(mime_type))
        if text is not None and (mime_type not in _IMAGE_MIME_TYPES or _BASE64.fullmatch(text)):
            return _shown(output, mime_type, text)
    mermaid = _text(data.get("text/vnd.mermaid"))
    if mermaid is not None:
        return _shown(output, "text/plain", mermaid)
    if not _NOT_SHOWN.keys() & data.keys():
        named = ", ".join(sorted(str(key) for key in data))[:_MOST_NAME_CHARACTERS] or "nothing"
        notes.add(f"Cell {number}: an output as {named}, which cannot be shown.")
    return None


def _shown(output: dict[str, Any], mime_type: str, text: str) -> Output:
    return Output(
        kind=mime_type,
        content="".join(text.split()) if mime_type in _IMAGE_MIME_TYPES else text,
        is_result=output["output_type"] == "execute_result",
        width=_size(output, mime_type, "width"),
        height=_size(output, mime_type, "height"),
    )


def _size(output: dict[str, Any], mime_type: str, key: str) -> int | None:
    metadata = output.get("metadata")
    of_type = metadata.get(mime_type) if isinstance(metadata, dict) else None
    value = of_type.get(key) if isinstance(of_type, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value) if 0 < value < 100_000 else None


def _attachments(raw: Any) -> dict[str, dict[str, str]]:
    found = {}
    for name, bundle in raw.items() if isinstance(raw, dict) else ():
        images = (
            {}
            if not isinstance(bundle, dict)
            else {
                mime_type: "".join(text.split())
                for mime_type in ("image/svg+xml", *_IMAGE_MIME_TYPES)
                if (text := _text(bundle.get(mime_type))) is not None and _BASE64.fullmatch(text)
            }
        )
        if images:
            found[str(name)] = images
    return found


def _text(value: Any) -> str | None:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    if not isinstance(value, str):
        return None
    # Half a surrogate pair cannot be sent.
    return value.encode("utf-8", errors="replace").decode("utf-8")


_READERS: dict[str, Callable[[int, dict[str, Any], Notes], Output | None]] = {
    "stream": _stream,
    "error": _error,
    "display_data": _data,
    "execute_result": _data,
}
