"""`locks`: whose, until when, in words and JSON; what is given back, what not; and never an e-mail address."""

import contextlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.transport import ENDPOINT, EmbeddedAdapter
from jupyter_terra_env.cli import lock_queries, locks
from jupyter_terra_env.cli.main import main
from jupyter_terra_env.environment.identity import FILE_NAME, environment_id, known_environment_id
from jupyter_terra_env.rules.edit_lock import Holder, owner_hash, read_lock, record_of
from jupyter_terra_env.rules.errors import SettingsError

BUCKET, EMAIL, OTHER = "a-bucket", "ada.lovelace@example.org", "grace.hopper@example.org"
ID = "0123456789abcdef"


@pytest.fixture
def bucket(tmp_path):
    with EmbeddedBucket(tmp_path / "bucket" / DATABASE_NAME) as engine:
        client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": ENDPOINT}
        )
        client._http.mount(ENDPOINT, EmbeddedAdapter(engine))
        with contextlib.closing(client), contextlib.closing(client._http):
            yield client.create_bucket(BUCKET)


@pytest.fixture
def run(machine, bucket, tmp_path, monkeypatch, capsys):
    def run(*arguments, **variables):
        given = {
            "WORKSPACE_NAME": "Mine",
            "WORKSPACE_BUCKET": f"gs://{BUCKET}",
            "OWNER_EMAIL": EMAIL,
            "TERRA_ENV_EMBEDDED_BUCKET": str(tmp_path / "bucket"),
            **variables,
        }
        wanted = machine.variables(**given)
        for name in os.environ.keys() - wanted.keys():
            monkeypatch.delenv(name)
        for name, value in wanted.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(machine.home)
        code, said = main(["locks", *arguments]), capsys.readouterr()
        for word in ("ada", "lovelace", "grace", "hopper", "@"):
            assert word not in said.out + said.err
        return code, said

    return run


@pytest.fixture
def report(run):
    def report(*arguments, **variables):
        code, said = run("--json", *arguments, **variables)
        return code, json.loads(said.out)

    return report


@pytest.fixture
def here(machine):
    """This environment has an id."""
    return environment_id(machine.home / ".jupyter-terra-env", new_id=lambda: ID)


def lock(bucket, name, email=EMAIL, environment=ID, seconds=100):
    blob = bucket.blob(f"notebooks/{name}")
    holder = Holder(owner=owner_hash(BUCKET, email), environment=environment or "x")
    record = record_of(holder, int((time.time() + seconds) * 1000))
    if environment is None:
        del record["jupyterTerraEnvLockedIn"]
    blob.metadata = record
    blob.upload_from_string(b"{}")


def lock_of(bucket, name):
    return read_lock(bucket.get_blob(f"notebooks/{name}").metadata)


class TestListing:
    def test_whose_and_until_when(self, bucket, here, run, report):
        lock(bucket, "here.ipynb")
        lock(bucket, "sub/deeper/there.ipynb", environment="another")
        lock(bucket, "welder.ipynb", environment=None)
        lock(bucket, "theirs.ipynb", OTHER)
        lock(bucket, "dead.ipynb", OTHER, seconds=-10)
        lock(bucket, "no-notebook.txt", OTHER)
        bucket.blob("notebooks/free.ipynb").upload_from_string(b"{}")
        code, found = report()
        assert (code, found["troubles"], found["workspaces"]) == (0, [], ["Mine"])
        assert [(one["name"], one["whose"]) for one in found["locks"]] == [
            ("here.ipynb", "you-here"),
            ("sub/deeper/there.ipynb", "you-elsewhere"),
            ("theirs.ipynb", "somebody-else"),
            ("welder.ipynb", "you-elsewhere"),
        ]
        theirs = found["locks"][2]
        assert theirs["holder"] == owner_hash(BUCKET, OTHER)[:12]
        assert theirs["path"] == "Mine/edit/theirs.ipynb"
        assert theirs["until"].endswith("Z")
        assert 90 <= theirs["seconds_left"] <= 101

        code, said = run()
        assert (code, said.err) == (0, "")
        lines = said.out.splitlines()
        assert lines[0] == "Workspace 'Mine'"
        assert lines[1].startswith("  here.ipynb              you, here, until 20")
        assert "you, in another environment, until" in lines[2]
        assert f"another person ({theirs['holder']}), until" in lines[3]
        assert " UTC (in " in lines[3]
        assert len(lines) == 5

    def test_no_one(self, run):
        code, said = run()
        assert (code, said.out) == (0, "Workspace 'Mine': no one is editing\n")

    def test_looking_writes_nothing(self, bucket, run, machine):
        lock(bucket, "mine.ipynb")
        before = machine.files()
        code, said = run()
        assert "you, in another environment" in said.out
        assert (code, machine.files()) == (0, before)

    def test_a_record_of_nonsense_can_be_printed(self, bucket, run):
        blob = bucket.blob("notebooks/a.ipynb")
        in_an_hour = str(int(time.time() * 1000) + 3_600_000)
        blob.metadata = {"lastLockedBy": f"{OTHER}\x1b[31m", "lockExpiresAt": in_an_hour}
        blob.upload_from_string(b"{}")
        code, said = run()
        assert code == 0
        assert "\x1b" not in said.out
        assert "a.ipynb" in said.out

    @pytest.mark.parametrize("expiry", ["9" * 18, "1700000000000000"])
    def test_an_impossible_expiry_is_no_lock(self, bucket, run, expiry):
        blob = bucket.blob("notebooks/a.ipynb")
        blob.metadata = {"lastLockedBy": OTHER, "lockExpiresAt": expiry}
        blob.upload_from_string(b"{}")
        code, said = run()
        assert (code, "a.ipynb" in said.out) == (0, False)

    def test_too_many_folders_are_reported(self, bucket, report, monkeypatch):
        monkeypatch.setattr(lock_queries, "MAX_FOLDERS", 3)
        for number in range(5):
            lock(bucket, f"{number}/a.ipynb", OTHER)
        code, found = report()
        assert (code, len(found["locks"])) == (1, 2)
        assert [trouble["reason"] for trouble in found["troubles"]] == ["too-many-folders"]

    def test_a_long_walk_shows_progress(self, bucket, run, monkeypatch):
        monkeypatch.setattr(locks, "_PROGRESS_SECONDS", 0.0)
        lock(bucket, "sub/a.ipynb", OTHER)
        _, said = run()
        assert said.err == "Mine: 1 folders searched …\nMine: 2 folders searched …\n"

    @pytest.mark.parametrize(
        ("variables", "reason"),
        [
            ({"WORKSPACE_BUCKET": "gs://no-such-bucket"}, "bucket-not-found"),
            ({"TERRA_ENV_EMBEDDED_BUCKET": "nowhere"}, "unreachable"),
        ],
    )
    def test_a_bucket_that_cannot_be_asked(self, report, machine, variables, reason):
        code, found = report(**variables)
        assert (code, [trouble["reason"] for trouble in found["troubles"]]) == (1, [reason])
        assert not (machine.home / "nowhere").exists()


class TestReleasing:
    def test_locks_of_this_environment(self, bucket, here, run):
        lock(bucket, "a.ipynb")
        lock(bucket, "sub/b.ipynb")
        code, said = run("--release", "a.ipynb", "Mine/edit/sub/b.ipynb", "a.ipynb")
        assert (code, said.out) == (0, "given back: a.ipynb (Mine)\ngiven back: sub/b.ipynb (Mine)\n")
        assert [lock_of(bucket, name).expires_at_ms for name in ("a.ipynb", "sub/b.ipynb")] == [0, 0]

    def test_not_those_of_others(self, bucket, here, report):
        lock(bucket, "a.ipynb", OTHER)
        before = lock_of(bucket, "a.ipynb")
        for more in ([], ["--elsewhere"]):
            code, found = report("--release", "a.ipynb", *more)
            assert (code, found["released"], found["troubles"][0]["reason"]) == (1, [], "held-by-other")
        assert lock_of(bucket, "a.ipynb") == before

    @pytest.mark.parametrize("environment", ["another", None])
    def test_those_of_another_environment_only_when_asked(self, bucket, report, machine, environment):
        lock(bucket, "a.ipynb", environment=environment)
        before = lock_of(bucket, "a.ipynb")
        code, found = report("--release", "a.ipynb")
        assert (code, found["troubles"][0]["reason"]) == (1, "held-elsewhere")
        assert lock_of(bucket, "a.ipynb") == before
        code, found = report("--release", "a.ipynb", "--elsewhere")
        assert (code, found["released"]) == (0, [{"workspace": "Mine", "name": "a.ipynb"}])
        assert lock_of(bucket, "a.ipynb").expires_at_ms == 0
        assert known_environment_id(machine.home / ".jupyter-terra-env") is not None

    @pytest.mark.parametrize("name", ["none.ipynb", "free.ipynb", "../a.ipynb", "", "a\nb.ipynb"])
    def test_what_is_not_locked_is_reported(self, bucket, report, name):
        bucket.blob("notebooks/free.ipynb").upload_from_string(b"{}")
        code, found = report("--release", name)
        assert (code, found["troubles"][0]["reason"]) == (1, "not-locked")

    def test_a_name_in_two_workspaces_must_be_a_path(self, bucket, here, report, machine):
        machine.configure(TerraEnvApp={"workspaces": [{"name": "Too", "bucket": f"gs://{BUCKET}"}]})
        lock(bucket, "a.ipynb")
        code, found = report("--release", "a.ipynb")
        assert (code, found["troubles"][0]["reason"]) == (1, "ambiguous")
        assert "Mine/edit/a.ipynb" in found["troubles"][0]["message"]
        code, found = report("--release", "Too/edit/a.ipynb")
        assert (code, found["released"]) == (0, [{"workspace": "Too", "name": "a.ipynb"}])

    def test_someone_quicker_keeps_it(self, bucket, here, report, monkeypatch):
        lock(bucket, "a.ipynb", environment="another")
        give_back = lock_queries.LockQueries.give_back

        async def later(self, found):
            lock(bucket, "a.ipynb", OTHER)
            return await give_back(self, found)

        monkeypatch.setattr(lock_queries.LockQueries, "give_back", later)
        code, found = report("--release", "a.ipynb", "--elsewhere")
        assert (code, found["troubles"][0]["reason"]) == (1, "held-by-other")
        assert lock_of(bucket, "a.ipynb").holder.owner == owner_hash(BUCKET, OTHER)


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        ([], {"OWNER_EMAIL": ""}, "set the variable OWNER_EMAIL"),
        (["--elsewhere"], {}, "--elsewhere goes with --release"),
        ([], {"WORKSPACE_NAME": "", "WORKSPACE_BUCKET": ""}, "No workspace is configured"),
    ],
)
def test_what_is_missing_is_one_sentence(run, arguments, variables, sentence):
    code, said = run(*arguments, **variables)
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)
    assert sentence in said.err


def test_the_command_as_a_person_starts_it(machine, bucket, tmp_path):
    lock(bucket, "a.ipynb", OTHER)
    done = machine.run(
        "locks",
        WORKSPACE_NAME="Mine",
        WORKSPACE_BUCKET=f"gs://{BUCKET}",
        OWNER_EMAIL=EMAIL,
        TERRA_ENV_EMBEDDED_BUCKET=str(tmp_path / "bucket"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "a.ipynb  another person (" in done.stdout


class TestEnvironmentId:
    def test_is_made_once_and_kept(self, tmp_path):
        state = tmp_path / "not" / "yet"
        assert known_environment_id(state) is None
        assert not state.exists()
        ids = (f"{ID}-{number}" for number in count())
        assert environment_id(state, new_id=lambda: next(ids)) == f"{ID}-0"
        assert environment_id(state, new_id=lambda: next(ids)) == f"{ID}-0"
        assert known_environment_id(state) == f"{ID}-0"
        assert [file.name for file in state.iterdir()] == [FILE_NAME]

    def test_many_at_once_agree(self, tmp_path):
        ids = (f"{ID}-{number}" for number in count())
        with ThreadPoolExecutor(16) as pool:
            for round_number in range(20):
                state = tmp_path / str(round_number)
                made = [next(ids) for _ in range(16)]
                agreed = set(pool.map(lambda one, state=state: environment_id(state, new_id=lambda: one), made))
                assert len(agreed) == 1
                assert agreed <= set(made)

    @pytest.mark.parametrize(
        "content", [b"", b"short", b"two words of it", b"\xff\xfe" * 8, b"x" * 65, b"a/../b-c-d-e"]
    )
    def test_something_else_in_its_place_is_refused(self, tmp_path, content):
        (tmp_path / FILE_NAME).write_bytes(content)
        with pytest.raises(SettingsError, match=FILE_NAME):
            environment_id(tmp_path, new_id=lambda: ID)

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(SettingsError, match="state_directory"):
            environment_id(tmp_path / "file" / "state", new_id=lambda: ID)
