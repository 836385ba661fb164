"""The account of a soak, from its notes, the bucket's history and the disks. Nothing here uses the code under test."""

import itertools
import json
from collections import Counter
from dataclasses import dataclass

from environments import BUCKET


@dataclass(frozen=True)
class Found:
    """What the account of a soak says.

    Attributes:
        lost: editors and names whose newest acknowledged save is nowhere.
        unseen: object names, with a version and the one after it that does not descend from it.
        told_wrong: what was given in the end, and is not so.
        counts: how often what happened.
        playground_in_the_bucket: whether something of a playground is there.
        notes: what the editors wrote down.
    """

    lost: list
    unseen: list
    told_wrong: list
    counts: Counter
    playground_in_the_bucket: bool
    notes: list

    def story_of(self, *ids):
        """The notes about some versions, and about what was saved over them."""
        return [note for note in self.notes if {note.get("id"), note.get("over")} & set(ids)]

    @property
    def is_well(self):
        return not (self.lost or self.unseen or self.told_wrong or self.playground_in_the_bucket)


def check(outsider, folder):
    """Compare what was noted with what there is.

    Args:
        outsider: reads the bucket.
        folder: has the notes and the disks.

    Returns:
        What was found.
    """
    notes = [json.loads(line) for file in folder.glob("notes-*") for line in file.read_text().splitlines()]
    parents = {}
    newest = {}
    gone_back = {note["editor"] for note in notes if note["what"] == "goes back"}
    for note in notes:
        if note["what"] in {"saves", "replaces"}:
            parents.setdefault(note["id"], set()).add(note["over"])
        if note["what"] == "saves":
            newest[note["editor"], note["name"]] = note["id"]
    history = versions_of(outsider)
    stored = {version for versions in history.values() for version in versions}
    on_disks = {
        editor: {
            json.loads(file.read_bytes())["id"] for file in (folder / "disks" / editor / "ws" / "edit").glob("*.ipynb")
        }
        for editor in {editor for editor, _ in newest}
    }
    lost = [
        key
        for key, saved in newest.items()
        # What a disk held after its snapshot is lost with it.
        if saved not in stored and saved not in on_disks[key[0]] and key[0] not in gone_back
    ]
    unseen = [
        (name, before, after)
        for name, versions in history.items()
        for before, after in itertools.pairwise(versions)
        if not descends(after, before, parents)
    ]
    told_wrong = [note for note in notes if note["what"] == "told" and not is_true(note, history)]
    counts = Counter(note.get("place", note["what"]) for note in notes)
    counts["versions"] = sum(map(len, history.values()))
    return Found(
        lost=lost,
        unseen=unseen,
        told_wrong=told_wrong,
        counts=counts,
        playground_in_the_bucket="played" in stored,
        notes=notes,
    )


def is_true(told, history):
    """Whether what a person was given in the end was so."""
    if told["place"] == "in-workspace":
        return told["id"] in history.get("notebooks/" + told["name"], [])
    # Edits that were put aside, and what programs wrote, go to the bucket only when someone opens or saves them.
    if told["place"] == "on-disk" and "program " in told["id"]:
        return True
    return told["place"] in {"conflict", "locked"} or "(my edits" in told["name"]


def versions_of(outsider):
    history = {}
    for blob in sorted(outsider.client.list_blobs(BUCKET, versions=True), key=lambda blob: blob.generation):
        content = outsider.bucket.blob(blob.name, generation=blob.generation).download_as_bytes()
        history.setdefault(blob.name, []).append(json.loads(content)["id"])
    return history


def descends(after, before, parents):
    """Whether whoever made ``after`` had ``before`` on the screen, or something that descends from it."""
    waiting, known = [after], set()
    while waiting:
        current = waiting.pop()
        if current == before:
            return True
        if current not in known:
            known.add(current)
            waiting += [parent for parent in parents.get(current, ()) if parent is not None]
    return False
