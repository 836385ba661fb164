"""Which notebook asked for a run, where several share a kernel: a duplicate of a notebook has the same cell ids."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jupyter_terra_env.daemon_threads import on_daemon_thread
from jupyter_terra_env.notebooks.storage.regular_files import read_regular
from jupyter_terra_env.rules.cell_outputs import Candidate, CellRun, asker_of, sources_of
from jupyter_terra_env.rules.errors import OperationRefused
from jupyter_terra_env.server.activity.cell_runs import CellRuns
from jupyter_terra_env.server.activity.notebook_outputs import Unattended, requests_that_put_out


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookSession:
    """A notebook that uses a kernel.

    Attributes:
        id: the session's id; it stays when the notebook is renamed.
        path: the notebook's API path.
    """

    id: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Who gets what a kernel's cells have put out.

    Attributes:
        by_path: the runs of each notebook, by its API path.
        unclear: notebooks of which one has asked for a run with outputs, and it is not known which.
    """

    by_path: dict[str, Unattended]
    unclear: tuple[str, ...] = ()


async def shares_of(
    kernel_id: str,
    what: Unattended,
    sessions: Sequence[NotebookSession],
    *,
    runs: CellRuns,
    os_path: Callable[[str], Path],
) -> Shares:
    """Find out which notebook asked for each run.

    Args:
        kernel_id: the kernel.
        what: what its cells have put out.
        sessions: the notebooks that use it now.
        runs: which cells run.
        os_path: the file of a notebook.
    """
    if len(sessions) <= 1:
        return Shares(by_path={session.path: what for session in sessions})
    files = {session.id: await on_daemon_thread(_read, os_path(session.path)) for session in sessions}
    owned: dict[str, list[CellRun]] = {}
    unclear: dict[str, None] = {}
    put_out = requests_that_put_out(what)
    for run in what.runs:
        then, began = runs.begun_by(kernel_id, run.request_id)
        were_there = [session for session in sessions if then is not None and session.id in then]
        candidates = [
            files[session.id].candidate(session.path, run.cell_id, began) for session in were_there or sessions
        ]
        path = asker_of(run, candidates)
        if path is not None:
            owned.setdefault(path, []).append(run)
        elif run.request_id in put_out:
            unclear |= dict.fromkeys(each.path for each in candidates if each.source is not None)
    by_path = {path: replace(what, runs=tuple(owns)) for path, owns in owned.items()}
    return Shares(by_path=by_path, unclear=tuple(unclear))


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    sources: dict[str, str]
    modified: float

    def candidate(self, path: str, cell_id: str, began: float) -> Candidate:
        return Candidate(path=path, source=self.sources.get(cell_id), is_changed=self.modified >= began)


def _read(file: Path) -> _File:
    """A file that cannot be read, or is no notebook, has no cells; who puts outputs into it says why."""
    try:
        modified = file.stat().st_mtime
        return _File(sources=sources_of(json.loads(read_regular(file, follow=True))), modified=modified)
    except (OperationRefused, OSError, ValueError, KeyError, TypeError, AttributeError):
        return _File(sources={}, modified=0.0)
