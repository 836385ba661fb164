"""Which contents this process put in place itself, by checksum; in memory only."""

from collections import OrderedDict

from jupyter_terra_env.notebooks.storage.file_digests import FileDigest

_REMEMBERED = 4096


class OwnContents:
    """Remembers checksums; safe to use from several threads."""

    def __init__(self) -> None:
        self._are_notebooks: OrderedDict[str, bool] = OrderedDict()

    def placed(self, digest: FileDigest) -> None:
        """A save is about to put this content in place, whole."""
        self._remember(digest, is_notebook=self._are_notebooks.get(digest.sha256, False))

    def is_notebook(self, digest: FileDigest) -> None:
        """This content is a notebook that was validated before it was saved."""
        self._remember(digest, is_notebook=True)

    def has_placed(self, digest: FileDigest) -> bool:
        """Whether a save of this process put this content in place."""
        return digest.sha256 in self._are_notebooks

    def has_validated(self, digest: FileDigest) -> bool:
        """Whether it did so with a validated notebook."""
        return self._are_notebooks.get(digest.sha256, False)

    def _remember(self, digest: FileDigest, *, is_notebook: bool) -> None:
        self._are_notebooks[digest.sha256] = is_notebook
        while len(self._are_notebooks) > _REMEMBERED:
            self._are_notebooks.popitem(last=False)
