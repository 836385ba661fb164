"""A large notebook on its way to the disk: what stands for it in a model; and nothing else is saved in its place."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, NoReturn, Self

from jupyter_terra_env.server.contents.large_notebooks.converter import Prepared
from jupyter_terra_env.server.http_errors import Refusal

NOT_SAVED = "not-saved"
"""Reason of the refusal: other code came between the request and the disk."""


class PreparedNotebook:
    """A notebook to be saved, in the place of a model's content.

    It has no cells to read: code that would build a notebook of its own from it gets an error, never an empty notebook.

    Args:
        prepared: the notebook, checked and serialised.
        empty: an empty notebook of the same version, for the check of models.

    Attributes:
        is_written: whether it was given to the disk.
    """

    __slots__ = ("empty", "is_written", "prepared")

    def __init__(self, prepared: Prepared, empty: dict[str, Any]) -> None:
        self.prepared = prepared
        self.empty = empty
        self.is_written = False

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # Python asks for protocols this way
        raise not_saved()  # an AttributeError would let `getattr(content, "cells", [])` go on

    def __getitem__(self, key: object) -> NoReturn:
        raise not_saved()

    def __iter__(self) -> NoReturn:
        raise not_saved()

    def __contains__(self, key: object) -> NoReturn:
        raise not_saved()

    def __len__(self) -> NoReturn:
        raise not_saved()

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def not_saved() -> Refusal:
    """The refusal of a save in which other code looks for the notebook, or puts another one in its place."""
    return Refusal(
        500,
        "Nothing was saved: an extension of this Jupyter server handles saves in a way that large notebooks do not "
        "support. Keep this page open, and ask the administrator to disable that extension.",
        reason=NOT_SAVED,
    )


_brought: ContextVar[PreparedNotebook | None] = ContextVar("brought", default=None)


@contextlib.contextmanager
def saving_only(notebook: PreparedNotebook) -> Iterator[None]:
    """Within it, this task and those it starts save this notebook or nothing."""
    token = _brought.set(notebook)
    try:
        yield
    finally:
        _brought.reset(token)


@contextlib.contextmanager
def saving_what_it_stands_for(content: object) -> Iterator[None]:
    """As ``saving_only``, of the notebook that a model's content stands for, if it stands for one.

    Raises:
        Refusal: at the end, if it was not given to the disk.
    """
    if not isinstance(content, PreparedNotebook):
        yield
        return
    with saving_only(content):
        yield
    if not content.is_written:
        raise not_saved()


def check_written(content: bytes | memoryview) -> None:
    """Refuse to write what is not the notebook that the request brought, if it brought one.

    Args:
        content: the bytes that are about to be written.

    Raises:
        Refusal: they are something else.
    """
    notebook = _brought.get()
    if notebook is None:
        return
    if content is not notebook.prepared.content.text:
        raise not_saved()
    notebook.is_written = True
