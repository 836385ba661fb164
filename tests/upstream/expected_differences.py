"""Which of jupyter_server's tests run in which way, and where we differ from them on purpose, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass

_API = "tests/services/contents/test_api.py"
_CHECKPOINTS = "tests/services/contents/test_checkpoints.py"
_NO_HASH = "tests/services/contents/test_manager_no_hash.py"
_ALL = (
    "tests/services/contents/test_manager.py",
    "tests/services/contents/test_largefilemanager.py",
    "tests/services/contents/test_config.py",
    _API,
    _CHECKPOINTS,
    _NO_HASH,
    "tests/test_files.py",
)
_COPY_OF_FOLDER = "a folder of a workspace is not copied whole: each of its notebooks would be a new object for all"
_DELETED_WHOLE = "expects 'not empty'; a folder of a workspace is deleted whole, whatever always_delete_dir says"
_MARK_IN_LISTING = "compares entries of a listing; ours mark what stays on this disk"
_STATUS_IN_SAVE = "compares a save's answer, which also tells where the work is, with an entry of a listing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to run upstream's tests.

    Attributes:
        files: the test modules that mean something in this way.
        at_least: how many tests must have used our manager.
        differences: tests that must fail, and why; without brackets, a test with all its parameters.
    """

    files: tuple[str, ...]
    at_least: int
    differences: Mapping[str, str]


WAYS = {
    "no-workspace": Way(files=_ALL, at_least=200, differences={}),
    "beside-workspace": Way(
        files=_ALL,
        at_least=200,
        differences={
            "test_api.py::test_delete_dirs": "deletes every folder of the root, but that of a workspace stays",
        },
    ),
    "within-workspace": Way(
        files=_ALL,
        at_least=200,
        differences={
            "test_manager.py::test_bad_symlink": _STATUS_IN_SAVE,
            "test_manager.py::test_recursive_symlink": _STATUS_IN_SAVE,
            "test_manager.py::test_good_symlink": _STATUS_IN_SAVE,
            "test_manager.py::test_get[jp_contents_manager2]": _MARK_IN_LISTING,
            "test_manager.py::test_get[jp_contents_manager3]": _MARK_IN_LISTING,
            "test_manager.py::test_delete_non_empty_folder[jp_contents_manager2-False-False-True]": _DELETED_WHOLE,
            "test_manager.py::test_delete_non_empty_folder[jp_contents_manager3-False-False-True]": _DELETED_WHOLE,
            "test_manager.py::test_copy_dir": _COPY_OF_FOLDER,
            "test_api.py::test_copy_dir": _COPY_OF_FOLDER,
            "test_largefilemanager.py::test_saving_different_chunks": (
                "sends the same chunk twice; a file with a gap or a repetition must never look like a file"
            ),
        },
    ),
    # As before, but no notebook that upstream prepares has been opened here.
    "only-in-bucket": Way(
        files=(_API, _CHECKPOINTS, _NO_HASH),
        at_least=120,
        differences={
            "test_api.py::test_copy_dir": _COPY_OF_FOLDER,
            "test_api.py::test_rename": (
                "looks for the renamed notebook on the disk; one that was not opened is renamed in the bucket alone"
            ),
        },
    ),
}

SKIPPED_BY_UPSTREAM = {
    "test_manager.py::test_403": "root may write everything",
    "test_manager.py::test_created_uses_birthtime_on_macos": "macOS only",
    "test_manager.py::test_created_uses_ctime_on_windows": "Windows only",
}
