"""The part of the contents manager that has small notebooks of an unusual structure checked in child processes.

Nearly all small notebooks have the structure that is checked in little time; Jupyter's own code does that in the
server. What has another structure, and could keep the server busy, is checked with limits for every caller.
"""

import json
from pathlib import Path
from typing import Any

import nbformat
from traitlets import Any as AnyTrait
from traitlets import default

from jupyter_terra_env.notebooks.storage.regular_files import read_regular
from jupyter_terra_env.notebooks.untrusted.cage import NotDoneError
from jupyter_terra_env.notebooks.untrusted.limits import OVER_A_LIMIT
from jupyter_terra_env.rules.errors import OperationRefused, RefusalReason
from jupyter_terra_env.server.contents.durable_files import EXTENSION, DurableFileManager, serialised
from jupyter_terra_env.server.contents.large_notebooks.conversions import NotConvertedError
from jupyter_terra_env.server.contents.large_notebooks.converter import Checked, NotebookConverter
from jupyter_terra_env.server.contents.large_notebooks.ordinary import is_ordinary, is_ordinary_notebook


class UnusualNotebooks(DurableFileManager):
    """Reads and writes small notebooks of workspace folders, each in a time that is bounded."""

    converter = AnyTrait(help="The NotebookConverter, or None.", allow_none=True)
    large_bytes = 1_000_000
    """Size of files and request bodies from which on they are converted beside the event loop."""

    @default("converter")
    def _converter_default(self) -> NotebookConverter | None:
        extensions = getattr(self.parent, "extension_manager", None)
        for app in () if extensions is None else extensions.extension_apps.get(EXTENSION, ()):
            converter: NotebookConverter | None = app.converter
            return converter
        return None

    async def _read_notebook(
        self,
        os_path: str,
        as_version: int = 4,
        capture_validation_error: dict[str, Any] | None = None,
        raw: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        if self.converter is not None and as_version == 4 and self._place_of(os_path) is not None:
            found = await self._checked(os_path, capture_validation_error)
            if found is not None:
                return found if raw else found[0]
        return await super()._read_notebook(os_path, as_version, capture_validation_error, raw)

    async def _checked(self, os_path: str, errors: dict[str, Any] | None) -> tuple[Any, bytes] | None:
        """An unusual notebook and the file's bytes; None for an ordinary one, and for what is none."""
        run = self._storage.run
        try:
            content: bytes = await run(_read_small, os_path, self.large_bytes)
        except OSError:
            return None
        if not content or await run(is_ordinary, content):
            return None
        try:
            checked = await self.converter.checked(content)
        except NotConvertedError:
            return None
        except NotDoneError as error:
            raise not_opened(os_path.rpartition("/")[2], error) from error
        _note_invalid(checked, errors)
        return await run(_as_nodes, checked.content), content

    def validate_notebook_model(
        self, model: dict[str, Any], validation_error: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """See ``ContentsManager.validate_notebook_model``; the text is what a child process made of it."""
        invalid = None if validation_error is None else validation_error.get("ValidationError")
        if isinstance(invalid, InvalidNotebookError):
            self.log.error("Notebook JSON is invalid: %s", invalid.message)
            model["message"] = invalid.text_of_model
            return model
        validated: dict[str, Any] = super().validate_notebook_model(model, validation_error)
        return validated

    async def _save_notebook(
        self, os_path: str, nb: Any, capture_validation_error: dict[str, Any] | None = None
    ) -> None:
        location = self._place_of(os_path)
        if location is None:
            await super()._save_notebook(os_path, nb, capture_validation_error)
            return
        content = await self.serialised(location.api_path, nb, capture_validation_error)
        await self._write(location, content, is_notebook=True)

    async def serialised(self, path: str, nb: Any, capture_validation_error: dict[str, Any] | None = None) -> bytes:
        """A notebook as Jupyter stores it.

        Args:
            path: API path of the notebook.
            nb: the notebook.
            capture_validation_error: takes what is wrong with it, as nbformat's ``writes`` does.

        Raises:
            OperationRefused: the check takes too much.
        """
        run = self._storage.run
        if self.converter is not None and not await run(is_ordinary_notebook, nb):
            try:
                checked = await self.converter.serialised(await run(_as_json, nb))
            except NotConvertedError:
                pass
            except NotDoneError as error:
                raise not_stored(path, error) from error
            else:
                _note_invalid(checked, capture_validation_error)
                written: bytes = checked.content
                return written
        stored: bytes = await run(serialised, nb, capture_validation_error)
        return stored


class InvalidNotebookError(nbformat.ValidationError):
    """A notebook that a child process found invalid.

    Args:
        checked: the notebook.
    """

    def __init__(self, checked: Checked) -> None:
        super().__init__(checked.invalid)
        self.text_of_model = checked.message


def _note_invalid(checked: Checked, errors: dict[str, Any] | None) -> None:
    if checked.invalid is not None and errors is not None:
        errors["ValidationError"] = InvalidNotebookError(checked)


def not_opened(name: str, error: NotDoneError) -> OperationRefused:
    """The refusal to open a notebook."""
    return _refused(
        error,
        RefusalReason.TOO_DEMANDING,
        f"{name} was not opened: {error}. Nothing was changed. Download it, and read it with a text editor.",
    )


def not_stored(name: str, error: NotDoneError) -> OperationRefused:
    """The refusal to save a notebook."""
    return _refused(
        error,
        RefusalReason.NOT_SAVED_TOO_DEMANDING,
        f"{name} was not saved: {error}. Nothing was changed. Keep this page open, or save it in smaller parts.",
    )


def _refused(error: NotDoneError, over_a_limit: RefusalReason, sentence: str) -> OperationRefused:
    reason = over_a_limit if error.death in OVER_A_LIMIT else RefusalReason.READER_FAILED
    return OperationRefused(reason, sentence)


def _read_small(os_path: str, large_bytes: int) -> bytes:
    """A file's content; nothing for one that is not small."""
    file = Path(os_path)
    return b"" if file.stat().st_size >= large_bytes else read_regular(file, follow=True)


def _as_nodes(text: bytes) -> Any:
    return nbformat.from_dict(json.loads(text))


def _as_json(notebook: Any) -> bytes:
    return json.dumps(notebook).encode("ascii")
