"""Contents models: those of what only the bucket has, and the check of those that clients send."""

import binascii
import mimetypes
from base64 import decodebytes
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tornado.web import HTTPError

from jupyter_terra_env.bucket.store import ObjectVersion
from jupyter_terra_env.notebooks.listing_badges import Mark
from jupyter_terra_env.notebooks.storage.bucket_listings import BucketFolder
from jupyter_terra_env.rules.status import Place
from jupyter_terra_env.rules.whole_content import is_copy_of_edits
from jupyter_terra_env.rules.workspace import Location
from jupyter_terra_env.server.status_fields import STATUS_KEY


def notebook_in_bucket(location: Location, version: ObjectVersion) -> dict[str, Any]:
    """The model, without content, of a file that has not been opened here."""
    name = location.name
    return {
        **_common(location),
        "type": "notebook" if name.endswith(".ipynb") else "file",
        "last_modified": version.updated,
        "created": version.created,
        "mimetype": None if name.endswith(".ipynb") else mimetypes.guess_type(name)[0],
        "size": version.size_bytes,
    }


def folder_in_bucket(location: Location, modified: datetime) -> dict[str, Any]:
    """The model, without content, of a folder that only object names imply.

    Args:
        location: the folder.
        modified: the time to show; the bucket knows none.
    """
    return {
        **_common(location),
        "type": "directory",
        "last_modified": modified,
        "created": modified,
        "mimetype": None,
        "size": None,
    }


def link_that_is_not_followed(location: Location) -> dict[str, Any]:
    """The model, in a listing, of a link that leads out of its workspace folder; opening it is refused."""
    return {**folder_in_bucket(location, datetime.fromtimestamp(0, UTC)), "type": "file", "writable": False}


def entry_no_path_can_name(location: Location, *, is_folder: bool) -> dict[str, Any]:
    """The model, in a listing, of what has a name that is no UTF-8: it can be seen, and nothing else."""
    kept = "This name" if is_folder else "Kept on this disk only: its name"
    return {
        **link_that_is_not_followed(location),
        "type": "directory" if is_folder else "file",
        STATUS_KEY: {
            "place": Place.LOCAL_ONLY.value,
            "lock": None,
            "message": f"{kept} is not valid UTF-8. Rename it in a terminal to use it here.",
            "reason": "name-pattern",
        },
    }


def add_bucket_entries(
    model: dict[str, Any],
    location: Location,
    folder: BucketFolder,
    *,
    folder_time: datetime,
    is_listed: Callable[[str], bool],
) -> None:
    """Add to a folder's model what only the bucket has, and say so when the bucket could not be asked.

    Args:
        model: the folder as it is on the disk, with content.
        location: the folder.
        folder: the bucket's side of it.
        folder_time: time to show for folders that only object names imply.
        is_listed: Jupyter's rule for names that are not shown.
    """
    on_disk = {entry["name"] for entry in model["content"]}
    for name in sorted(folder.names - on_disk):
        if is_listed(name):
            child, version = location.child(name), folder.notebooks.get(name)
            entry = folder_in_bucket(child, folder_time) if version is None else notebook_in_bucket(child, version)
            model["content"].append(entry)
    for entry in model["content"]:
        sentence = _what_it_hides(entry, folder)
        if sentence is not None:
            entry[STATUS_KEY] = {"place": None, "lock": None, "message": sentence, "reason": "hides-another"}
    if folder.trouble is not None:
        model[STATUS_KEY] = {
            "mode": location.mode.value,
            "place": Place.ON_DISK.value,
            "message": f"Only what is on this disk is shown. {folder.trouble.sentence}",
            "reason": folder.trouble.trouble.value,
        }


def add_marks(model: dict[str, Any], marks: Mapping[str, Mark]) -> None:
    """Add to the entries of a folder's model what is worth a mark in a file browser."""
    for entry in model["content"]:
        mark = marks.get(entry["name"])
        if mark is not None:
            entry[STATUS_KEY] = {
                **entry.get(STATUS_KEY, {}),
                "place": None if mark.place is None else mark.place.value,
                "lock": None if mark.lock is None else {"state": mark.lock.value},
            }


def add_local_only(model: dict[str, Any], location: Location, folder: BucketFolder) -> None:
    """Mark, in an edit folder's model, the files that stay on this disk: no one else sees them.

    Args:
        model: the folder's model, with content and marks.
        location: the folder.
        folder: the bucket's side of it; while the bucket cannot be asked, edits that were kept are not known to stay.
    """
    for entry in model["content"]:
        if entry["type"] == "directory" or STATUS_KEY in entry:
            continue
        name = entry["name"]
        is_kept = is_copy_of_edits(name) and folder.trouble is None and name not in folder.notebooks
        if is_kept or not location.child(name).is_delocalized:
            entry[STATUS_KEY] = {"place": Place.LOCAL_ONLY.value, "lock": None}


def check_model(model: dict[str, Any]) -> None:
    """Refuse what cannot be saved before anything is touched.

    Raises:
        HTTPError: 400, saying what is wrong.
    """
    kind = model.get("type")
    if kind is None:
        raise HTTPError(400, "No file type provided")
    if not isinstance(kind, str):
        raise HTTPError(400, "The file type must be text.")
    if kind == "directory":
        return
    if "content" not in model:
        raise HTTPError(400, "No file content provided")
    if kind == "notebook":
        _check_notebook(model["content"])
    elif kind == "file":
        _check_file(model["content"], model.get("format"))
    else:
        raise HTTPError(400, f"Unhandled contents type: {kind}")


def _what_it_hides(entry: Mapping[str, Any], folder: BucketFolder) -> str | None:
    """What to say of an entry that hides another of its name; only one of them can be on a disk."""
    name = entry["name"]
    if entry["type"] != "directory" and name in folder.folders | folder.doubled:
        return "This file hides a folder of the same name in the workspace. Rename the file to see the folder."
    if entry["type"] == "directory" and (name in folder.notebooks or name in folder.doubled):
        return "This folder hides a file of the same name in the workspace. Rename the folder to see the file."
    return None


def _check_notebook(content: Any) -> None:
    if not isinstance(content, dict):
        raise HTTPError(400, "The content of a notebook must be a JSON object.")
    for key in ("nbformat", "nbformat_minor"):
        if not isinstance(content.get(key), int):
            raise HTTPError(400, f"Not a notebook: {key!r} must be a number.")
    if content["nbformat"] >= 4:
        cells = content.get("cells")
        if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
            raise HTTPError(400, "Not a notebook: 'cells' must be a list of JSON objects.")
        if not isinstance(content.get("metadata"), dict):
            raise HTTPError(400, "Not a notebook: 'metadata' must be a JSON object.")


def _check_file(content: Any, content_format: Any) -> None:
    if content_format not in ("text", "base64"):
        raise HTTPError(400, "Must specify format of file contents as 'text' or 'base64'")
    if not isinstance(content, str):
        raise HTTPError(400, "The content of a file must be text.")
    try:
        if content_format == "base64":
            decodebytes(content.encode("ascii"))
        else:
            content.encode("utf-8")
    except (binascii.Error, UnicodeEncodeError) as error:
        raise HTTPError(400, f"The content cannot be read as {content_format}.") from error


def _common(location: Location) -> dict[str, Any]:
    return {
        "name": location.name,
        "path": location.api_path,
        "content": None,
        "format": None,
        "writable": True,
        "hash": None,
        "hash_algorithm": None,
    }
