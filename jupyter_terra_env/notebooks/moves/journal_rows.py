"""The journal's rows of working copies whose names or objects have changed."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.moves.intents import ActiveMove
from jupyter_terra_env.notebooks.storage.journal import Moved
from jupyter_terra_env.notebooks.storage.kept_fields import with_fields
from jupyter_terra_env.notebooks.storage.notebook_storage import NotebookStorage
from jupyter_terra_env.rules.recovery import Act
from jupyter_terra_env.rules.sync import ABSENT_GENERATION, Baseline
from jupyter_terra_env.rules.workspace import Location

Rows = tuple[list[Moved], list[str]]
"""The rows that move, and the paths whose rows are removed."""


class JournalRows:
    """Decides which rows of the journal follow a move. Methods read the journal: call them off the event loop.

    Args:
        storage: disk and journal.
        locate: returns the place of an API path.
    """

    def __init__(self, storage: NotebookStorage, locate: Callable[[str], Location | None]) -> None:
        self._storage = storage
        self._locate = locate

    def of(
        self, move: ActiveMove, *, kept: Collection[Path], versions: Mapping[str, ObjectVersion], forgets: bool = False
    ) -> Rows:
        """Return the changed rows of a move whose files have moved or gone. A file that is still there keeps its row.

        Args:
            move: the move.
            kept: files whose objects stay.
            versions: the objects under their new names, by former name.
            forgets: whether to remove the rows of files that the disk could not remove, but whose objects are deleted.
        """
        unwanted = {move.location(one.name).api_path for one in move.intent.objects} if forgets else set()
        planned = {one.name: one.generation for one in move.intent.objects}
        moved, gone = [], []
        for path in self._storage.known_below_now(move.intent.path):
            file = self._storage.entry(path)
            if file in kept or (file.exists() and path not in unwanted):
                continue
            row = self._moved(move, path, planned, versions)
            if row is None:
                gone.append(path)
            else:
                moved.append(row)
        return moved, gone

    def of_undone(self, move: ActiveMove, versions: Mapping[str, ObjectVersion]) -> Rows:
        """Return the changed rows of working copies that never moved and whose objects were moved back."""
        rows = []
        for planned in move.intent.objects:
            version = versions.get(planned.name)
            place = move.renamed(planned)
            baseline = self._storage.baseline_now(place)
            if version is not None and baseline is not None and baseline.generation == planned.was:
                rows.append(_at(version, place.api_path, place))
        return rows, []

    def _moved(
        self, move: ActiveMove, path: str, planned: Mapping[str, int], versions: Mapping[str, ObjectVersion]
    ) -> Moved | None:
        """Return the row of a working copy under its new name; None if it gets none."""
        new = None if move.intent.new_path is None else self._locate(move.new_path(path))
        old = self._locate(path)
        if old is None or new is None or not new.is_delocalized:
            return None
        baseline = self._storage.baseline_now(old)
        if move.intent.act is Act.OUT:
            return self._new_to_bucket(baseline, path, new)
        version = versions.get(old.object_name)
        if baseline is None or version is None or baseline.generation != planned.get(old.object_name):
            # Not the version that was moved: the next opening compares them.
            return Moved(**_names(path, new), generation=None, metageneration=0, metadata={})
        return _at(version, path, new)

    def _new_to_bucket(self, baseline: Baseline | None, path: str, new: Location) -> Moved | None:
        """Return the row of a notebook that moves to another workspace and is created there with the same metadata."""
        if baseline is None or self._storage.baseline_now(new) is not None:
            return None
        metadata = dict(baseline.metadata)
        return Moved(**_names(path, new), generation=ABSENT_GENERATION, metageneration=0, metadata=metadata)


def _at(version: ObjectVersion, old_path: str, new: Location) -> Moved:
    return Moved(
        **_names(old_path, new),
        generation=version.generation,
        metageneration=version.metageneration,
        metadata=with_fields(version),
    )


def _names(old_path: str, new: Location) -> dict[str, str]:
    workspace = new.workspace
    return {"old_path": old_path, "path": new.api_path, "bucket": workspace.bucket, "object_name": new.object_name}
