"""Another user of the same machine: what is written is theirs to read only if the person's own files are."""

import os
import stat
import subprocess

import pytest
from workspace_kit import WORKSPACE

from jupyter_terra_env.cli.demo_data import DemoFolders, prepare
from jupyter_terra_env.environment.private_folder import make_private
from jupyter_terra_env.rules.errors import SettingsError

NOBODY = 65534
as_two_users = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def open_to_all(folder):
    for parent in [folder, *folder.parents]:
        if parent.owner() == "root" and str(parent).startswith("/tmp/"):
            parent.chmod(0o755)


def another_user(*words):
    """Run a program as another user; its exit code."""
    return subprocess.run(list(map(str, words)), user=NOBODY, group=NOBODY, extra_groups=[], check=False).returncode


def readable_by_another_user(folder):
    """The files in a folder that another user can read."""
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    command = ["find", folder, "-type", "f", "-readable"]
    return subprocess.run(command, **who, capture_output=True, text=True, check=False).stdout.splitlines()


@pytest.fixture
def shared(tmp_path):
    """A folder in which every user may make files, as /tmp."""
    open_to_all(tmp_path)
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


async def test_the_state_of_a_server_is_its_person_s_alone(bucket, contents, jp_serverapp, jp_root_dir):
    await contents.save("a.ipynb", "1")
    state = jp_root_dir / ".jupyter-terra-env"
    assert mode(state) == 0o700
    names = [file.name for file in state.iterdir() if file.is_file()]
    assert "journal.sqlite3" in names
    for name in names:
        assert mode(state / name) & 0o077 == 0, name


@as_two_users
async def test_another_user_reads_nothing_but_what_is_a_person_s_own(bucket, contents, api, jp_serverapp, jp_root_dir):
    """Whatever the server has written anywhere in this test, and the folders on the way are open to everybody."""
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    await contents.save("a.ipynb", "2")
    bucket.put_notebook("a.ipynb", "theirs")
    await contents.save("a.ipynb", "3")
    path = f"{WORKSPACE}/edit/a.ipynb"
    await api("GET", "conflict", base="terra-env", params={"path": path})
    await api("POST", "resolve", base="terra-env", body={"path": path, "action": "keep-both"})
    await contents.rename("a.ipynb", "b.ipynb")
    await api("GET", "preview", base="terra-env", params={"path": f"{WORKSPACE}/edit/b.ipynb"})
    await api("POST", "flush", base="terra-env", body={"deadline_seconds": 5})
    open_to_all(jp_root_dir)
    readable = readable_by_another_user(jp_root_dir)
    own = jp_root_dir / WORKSPACE
    assert [name for name in readable if not name.startswith(str(own))] == []
    assert [name for name in readable if name.rpartition("/")[2].startswith(".")] == []
    # Nor does it keep a folder in which everybody may put something.
    assert [folder for folder in jp_root_dir.rglob("*") if folder.is_dir() and mode(folder) & 0o022] == []


def test_an_existing_state_folder_is_tightened(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    for name in ("journal.sqlite3", "journal.sqlite3-wal", "environment-id", "flush.json"):
        (state / name).touch()
        (state / name).chmod(0o644)
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o644)
    (state / "journal.sqlite3-shm").symlink_to(outside)
    make_private(state, root=tmp_path, journal="journal.sqlite3")
    assert mode(state) == 0o700
    assert {mode(file) for file in state.iterdir() if not file.is_symlink()} == {0o600}
    assert mode(outside) == 0o644


def test_a_state_folder_that_is_the_root_folder_stays_open(tmp_path):
    tmp_path.chmod(0o755)
    make_private(tmp_path, root=tmp_path, journal="journal.sqlite3")
    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "journal.sqlite3") == 0o600


@as_two_users
def test_another_user_cannot_read_the_journal(shared):
    state = shared / "state"
    make_private(state, root=shared, journal="journal.sqlite3")
    assert another_user("cat", state / "journal.sqlite3") != 0
    assert another_user("ls", state) != 0


@as_two_users
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_demo_does_not_use_what_another_user_has_put_in_its_place(shared, tmp_path, kind):
    data, target = shared / "terra-env-demo", tmp_path / "target"
    target.mkdir()
    assert another_user(*(["ln", "-s", target, data] if kind == "link" else ["mkdir", data])) == 0
    with pytest.raises(SettingsError, match="another user's"):
        prepare(DemoFolders(data, "demo"))
    assert list(target.iterdir()) == []


@as_two_users
def test_a_demo_does_not_follow_a_link_that_another_user_has_put_into_its_folder(shared, tmp_path):
    data, target = shared / "terra-env-demo", tmp_path / "target"
    target.mkdir()
    data.mkdir()
    data.chmod(0o777)
    assert another_user("ln", "-s", target, data / "bucket") == 0
    with pytest.raises(SettingsError, match="Every user of this machine may write"):
        prepare(DemoFolders(data, "demo"))
    data.chmod(0o700)
    with pytest.raises(SettingsError, match="is a link, or another user's"):
        prepare(DemoFolders(data, "demo"))
    assert list(target.iterdir()) == []


def test_a_demo_s_own_folder_is_private(tmp_path):
    data = tmp_path / "demo"
    prepare(DemoFolders(data, "demo"))
    prepare(DemoFolders(data, "maria"))
    assert mode(data) == 0o700
    assert mode(data / "bucket" / "bucket.sqlite3") == 0o600
