"""What is measured: the things a person does with notebooks, each prepared first and then done."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.servers import PLAYGROUND, Client

Act = Callable[[], object]

_LISTING_IS_FORGOTTEN_SECONDS = 3.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing a person does.

    Attributes:
        name: its name in the table.
        prepare: called with a client and the round; returns what is measured.
        notebook: the notebook of a round, whose upload is waited for; None when nothing is uploaded.
        most_requests: the target; None without one.
        longest_gap_ms: the target for the event loop; None without one.
        rounds: how often at most; None for as often as asked.
    """

    name: str
    prepare: Callable[[Client, int], Act]
    notebook: Callable[[int], str] | None = None
    most_requests: int | None = None
    longest_gap_ms: float | None = None
    rounds: int | None = None


def small(number: int) -> str:
    """A notebook of 100 KB."""
    return f"small-{number}.ipynb"


def fresh(number: int) -> str:
    """Another notebook of 100 KB, that only JupyterLab's way of opening is tried with."""
    return f"fresh-{number}.ipynb"


def renamed(number: int) -> str:
    """What a small notebook is called after it was renamed."""
    return f"renamed-{number}.ipynb"


def on_small_notebooks() -> Iterator[Operation]:
    """Everything done with a notebook of 100 KB; the order matters, each needs those before."""
    yield Operation(name="open in the playground, first time", prepare=_open_in_playground, most_requests=2)
    yield Operation(name="open, first time", prepare=_open(small), notebook=small, most_requests=3)
    yield Operation(name="open again, unchanged", prepare=_open(small), notebook=small, most_requests=1)
    yield Operation(name="what JupyterLab does to open", prepare=_lab_open, notebook=fresh, most_requests=3)
    yield Operation(name="save, changed", prepare=_save_changed(small), notebook=small, most_requests=1)
    yield Operation(name="save, unchanged", prepare=_save_unchanged, notebook=small, most_requests=0)
    yield Operation(name="what JupyterLab does to save", prepare=_lab_save, notebook=small, most_requests=1)
    yield Operation(name="checkpoint", prepare=lambda client, n: lambda: client.make_checkpoint(small(n)))
    yield Operation(name="create", prepare=lambda client, _: client.create)
    yield Operation(name="rename", prepare=_rename, notebook=renamed)
    yield Operation(name="delete", prepare=lambda client, n: lambda: client.delete(renamed(n)))


def on_folders(sizes: tuple[int, ...]) -> Iterator[Operation]:
    """Listing folders of so many notebooks."""
    for size in sizes:
        yield Operation(
            name=f"list {size:,} notebooks", prepare=_list(f"of-{size}"), most_requests=-(-size // 1000), rounds=3
        )


def on_large_notebooks(name: str, label: str, *, longest_gap_ms: float | None, rounds: int) -> Iterator[Operation]:
    """Opening and saving a large notebook.

    Args:
        name: the start of the notebooks' names, which end in the round.
        label: what the table calls them.
        longest_gap_ms: the target for the event loop.
        rounds: how often at most.
    """

    def notebook(number: int) -> str:
        return f"{name}-{number}.ipynb"

    for verb, prepare in (("open", _open), ("save", _save_changed)):
        yield Operation(
            name=f"{verb} {label}",
            prepare=prepare(notebook),
            notebook=notebook,
            longest_gap_ms=longest_gap_ms,
            rounds=rounds,
        )


def _open(notebook: Callable[[int], str]) -> Callable[[Client, int], Act]:
    return lambda client, n: lambda: client.call("GET", _opened(client.path_of(notebook(n))))


def _open_in_playground(client: Client, number: int) -> Act:
    path = f"{PLAYGROUND}/{small(number)}" if client.has_workspace else client.path_of(small(number))
    return lambda: client.call("GET", _opened(path))


def _opened(path: str) -> str:
    return f"api/contents/{path}?type=notebook&content=1&hash=1"


def _lab_open(client: Client, number: int) -> Act:
    def act() -> None:
        client.call("GET", _opened(client.path_of(fresh(number))))
        if not client.checkpoints(fresh(number)):
            client.make_checkpoint(fresh(number))

    return act


def _save_changed(notebook: Callable[[int], str]) -> Callable[[Client, int], Act]:
    def prepare(client: Client, number: int) -> Act:
        body = _edited(client, notebook(number))
        return lambda: client.put(notebook(number), body)

    return prepare


def _save_unchanged(client: Client, number: int) -> Act:
    body = _encoded(client.get(small(number), type="notebook")["content"])
    return lambda: client.put(small(number), body)


def _lab_save(client: Client, number: int) -> Act:
    body = _edited(client, small(number))

    def act() -> None:
        client.get(small(number), content=0, hash=1)
        client.put(small(number), body)
        client.get(small(number), content=0, hash=1)

    return act


def _rename(client: Client, number: int) -> Act:
    return lambda: client.rename(small(number), renamed(number))


def _list(folder: str) -> Callable[[Client, int], Act]:
    def prepare(client: Client, _: int) -> Act:
        if client.has_workspace:
            time.sleep(_LISTING_IS_FORGOTTEN_SECONDS)
        return lambda: client.get(folder, type="directory", content=1)

    return prepare


def _edited(client: Client, path: str) -> bytes:
    content = client.get(path, type="notebook")["content"]
    content["cells"][0]["source"] += " One more sentence."
    return _encoded(content)


def _encoded(content: dict[str, Any]) -> bytes:
    return json.dumps({"type": "notebook", "format": "json", "content": content}).encode()
