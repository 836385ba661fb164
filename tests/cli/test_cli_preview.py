"""`preview`: a file, an object or a path in a workspace as a page; what it costs, what it says, what it refuses."""

import argparse
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from clean_pages import require_clean
from machines import COMMAND
from preview_kit import bucket_behind_a_token
from workspace_kit import BUCKET, another_persons_lock, notebook, text_of

from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault
from jupyter_terra_env.cli import preview
from jupyter_terra_env.cli.main import main
from jupyter_terra_env.notebooks.preview.content import MOST_BYTES

sys.path.insert(0, str(Path(__file__).parent.parent / "hostile"))
import hostile_notebooks as corpus

WORKSPACE = {"WORKSPACE_NAME": "Mine", "WORKSPACE_BUCKET": f"gs://{BUCKET}", "OWNER_EMAIL": "ada@example.org"}


@pytest.fixture
def bucket():
    with bucket_behind_a_token() as bucket:
        yield bucket


@pytest.fixture
def run(machine, monkeypatch, capfdbinary):
    """The command in this process: its exit code, what it wrote and what it said."""

    def run(*arguments, **variables):
        wanted = machine.variables(**variables)
        for name in os.environ.keys() - wanted.keys():
            monkeypatch.delenv(name)
        for name, value in wanted.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(machine.home)
        code, said = main(["preview", *map(str, arguments)]), capfdbinary.readouterr()
        assert b"@" not in said.err
        return code, said.out.decode(), said.err.decode()

    return run


@pytest.fixture
def in_bucket(run, bucket):
    """The same, with the bucket behind an emulator's address."""

    def in_bucket(*arguments, **variables):
        bucket.mark()
        return run(*arguments, STORAGE_EMULATOR_HOST=bucket.front.url, **variables)

    return in_bucket


def operations(bucket):
    return [operation for operation, _ in bucket.requests]


class TestAFile:
    def test_becomes_a_page_on_stdout(self, run, machine):
        (machine.home / "a.ipynb").write_bytes(corpus.acting())
        before = machine.files()
        code, page, said = run("a.ipynb")
        assert (code, said) == (0, "")
        require_clean(page, elsewhere=corpus.HOST)
        assert "<b>shown</b>" in page
        assert "<strong>Preview</strong>" in page
        assert "Last saved 20" in page
        assert machine.files() == before

    def test_or_in_a_file_with_a_report(self, run, machine):
        (machine.home / "a.ipynb").write_text(text_of(notebook("hello")))
        (machine.home / "page.html").write_text("older")
        code, out, _ = run("a.ipynb", "--output", "page.html", "--json")
        report = json.loads(out)
        page = (machine.home / "page.html").read_bytes()
        assert code == 0
        assert b"hello" in page
        assert report.pop("saved_at").endswith("Z")
        assert report == {
            "well": True,
            "notebook": "a.ipynb",
            "generation": None,
            "edited_until": None,
            "page_bytes": len(page),
            "output": "page.html",
            "page": None,
        }
        assert sorted(path.name for path in machine.home.glob("*page*")) == ["page.html"]

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("a.ipynb", b"none", "a.ipynb is not a notebook that can be shown."),
            ("a.ipynb", b" " * (MOST_BYTES + 1), "a.ipynb is too large for a preview. Open it instead."),
            ("a.ipynb", "folder", "a.ipynb is a folder, not a notebook."),
            ("a.ipynb", "pipe", "a.ipynb is not a file but a named pipe, a socket, a device or a link"),
            ("a.ipynb", None, "a.ipynb is neither a file nor in a configured workspace."),
            ("a" * 5000, None, "is neither a file nor in a configured workspace."),
            ("../a.ipynb", None, "../a.ipynb is neither a file nor in a configured workspace."),
        ],
    )
    def test_that_is_none_is_one_sentence(self, run, machine, name, content, sentence):
        match content:
            case bytes():
                (machine.home / name).write_bytes(content)
            case "folder":
                (machine.home / name).mkdir()
            case "pipe":
                os.mkfifo(machine.home / name)
        code, out, said = run(name, "--output", "page.html")
        assert (code, out, said.count("\n")) == (1, "", 1)
        assert said.startswith("jupyter terra-env preview: ")
        assert sentence in said
        assert not (machine.home / "page.html").exists()

    def test_whose_page_cannot_be_written(self, run, machine):
        (machine.home / "a.ipynb").write_text(text_of(notebook("1")))
        code, _, said = run("a.ipynb", "--output", "nowhere/page.html")
        assert (code, "--output: nowhere/page.html cannot be written" in said) == (2, True)


class TestAnObject:
    def test_becomes_a_page_with_two_requests(self, in_bucket, bucket):
        blob = bucket.put("any/a b.ipynb", text_of(notebook("hello")), metadata=another_persons_lock(left_seconds=100))
        code, page, said = in_bucket(f"gs://{BUCKET}/any/a b.ipynb")
        assert (code, said) == (0, "")
        assert "hello" in page
        assert "Being edited by someone until" in page
        assert f"Last saved {blob.time_created:%Y-%m-%d %H:%M} UTC" in page
        assert operations(bucket) == ["objects.get", "objects.download"]

    def test_is_reported(self, in_bucket, bucket):
        blob = bucket.put("a.ipynb", text_of(notebook("hello")))
        code, out, _ = in_bucket(f"gs://{BUCKET}/a.ipynb", "--json")
        report = json.loads(out)
        assert (code, report["generation"], report["edited_until"]) == (0, str(blob.generation), None)
        assert "hello" in report["page"]

    @pytest.mark.parametrize(
        ("address", "fault", "code", "reason", "sentence"),
        [
            (
                "gs://test-bucket/none.ipynb",
                None,
                1,
                "not-found",
                "gs://test-bucket/none.ipynb is not in the workspace",
            ),
            ("gs://no-such-bucket/a.ipynb", None, 1, "bucket-not-found", "no-such-bucket does not exist"),
            ("gs://test-bucket/a.ipynb", 403, 1, "no-permission", "You have no permission"),
            ("gs://test-bucket/a.ipynb", 401, 1, "no-credentials", "no valid Google credentials"),
            ("gs://test-bucket/text.txt", None, 1, "no-preview", "is not a notebook that can be shown"),
            ("gs://test-bucket/large.ipynb", None, 1, "no-preview", "too large for a preview"),
            ("gs://test-bucket/", None, 2, "settings", "the object's name is missing"),
            ("gs://Bucket/a.ipynb", None, 2, "settings", "no capital letters"),
            ("gs://test-bucket/../other/a.ipynb", None, 2, "settings", "'.' or '..'"),
        ],
    )
    def test_that_cannot_be_shown(self, in_bucket, bucket, address, fault, code, reason, sentence):
        bucket.put("text.txt", "text")
        bucket.put("large.ipynb", " " * (MOST_BYTES + 1))
        if fault is not None:
            action = AnswerWith(status=fault, reason="forbidden", message="ada@example.org may not")
            bucket.faults.add(Fault(operation="objects.get", action=action))
        answered, out, said = in_bucket(address, "--json")
        report = json.loads(out)
        assert (answered, report["troubles"][0]["reason"]) == (code, reason)
        assert sentence in report["message"]
        assert report["message"] in said
        assert "objects.download" not in operations(bucket) or reason == "no-preview"

    def test_of_a_bucket_whose_readers_pay(self, in_bucket, bucket):
        bucket.put("a.ipynb", text_of(notebook("hello")))
        handle = bucket.client.bucket(BUCKET)
        handle.requester_pays = True
        handle.patch()
        code, _, said = in_bucket(f"gs://{BUCKET}/a.ipynb")
        assert (code, "--user-project" in said) == (1, True)
        code, page, _ = in_bucket(f"gs://{BUCKET}/a.ipynb", "--user-project", "my-project")
        assert (code, "hello" in page) == (0, True)

    def test_an_embedded_bucket_is_not_made(self, run, machine):
        code, _, said = run(f"gs://{BUCKET}/a.ipynb", TERRA_ENV_EMBEDDED_BUCKET=str(machine.home / "none"))
        assert (code, "cannot be reached" in said) == (1, True)
        assert not (machine.home / "none").exists()


class TestAPathInAWorkspace:
    def test_is_what_the_bucket_has(self, in_bucket, bucket):
        bucket.put_notebook("sub/a.ipynb", "hello")
        code, page, _ = in_bucket("Mine/edit/sub/a.ipynb", **WORKSPACE)
        assert (code, "hello" in page) == (0, True)
        assert operations(bucket) == ["objects.get", "objects.download"]

    def test_is_what_the_disk_has_in_a_playground(self, in_bucket, bucket, machine):
        bucket.put_notebook("a.ipynb", "theirs")
        root = machine.home / "root"
        (root / "Mine" / "playground").mkdir(parents=True)
        (root / "Mine" / "playground" / "a.ipynb").write_text(text_of(notebook("played")))
        code, page, _ = in_bucket("Mine/playground/a.ipynb", "--root", root, **WORKSPACE)
        assert (code, "played" in page, operations(bucket)) == (0, True, [])

    @pytest.mark.parametrize(
        "path", ["Mine/edit/../../etc/passwd", "Mine/edit", "Other/edit/a.ipynb", "Mine/edit/a.ipynb"]
    )
    def test_that_leads_nowhere(self, in_bucket, bucket, path):
        code, out, said = in_bucket(path, **WORKSPACE)
        assert (code, out, said.count("\n")) == (1, "", 1)


def test_a_terminal_gets_nothing_that_controls_it(machine):
    content = corpus.text_of(corpus.code("1", corpus.stream("\x9b31mred \x1b]0;title\x07")), corpus.markdown("\u202e"))
    (machine.home / "a.ipynb").write_bytes(content)
    ours, terminal = pty.openpty()
    done = subprocess.Popen([COMMAND, "preview", "a.ipynb"], env=machine.variables(), cwd=machine.home, stdout=terminal)
    os.close(terminal)
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    assert done.wait(60) == 0
    assert b"</html>" in shown
    assert not any(control in shown.decode() for control in ("\x1b", "\x9b", "\x07", "\u202e"))


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # its other end is closed
        return b""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name a notebook"),
        (["a.ipynb", "--bucket", "b"], "--bucket goes with --serve"),
        (["a.ipynb", "--trust-proxy"], "--trust-proxy goes with --serve"),
        (["--serve"], "--serve needs --bucket"),
        (["--serve", "--bucket", BUCKET, "a.ipynb"], "--serve takes no notebook"),
        (["--serve", "--bucket", "No"], "--bucket: expected gs://BUCKET"),
        (["--serve", "--bucket", BUCKET, "--host", "x.org"], "--host goes with --trust-proxy"),
        (["--serve", "--bucket", BUCKET, "--trust-proxy", "--host", "x.org/y"], "--host: expected a host name"),
        (["--serve", "--bucket", BUCKET, "--open-url", "https://x.org"], "--open-url: it needs {mode}"),
        (["--serve", "--bucket", BUCKET, "--frame-ancestors", "'self'; script-src *"], "--frame-ancestors: expected"),
        (["--serve", "--bucket", BUCKET, "--frame-ancestors", ""], "--frame-ancestors: expected"),
        (["--serve", "--bucket", BUCKET, "--allow-origin", "*"], "--allow-origin: expected a site"),
        (["--serve", "--bucket", BUCKET, "--allow-origin", "https://x.org/"], "--allow-origin: expected a site"),
        (["--serve", "--bucket", BUCKET, "--ip", "no address"], "cannot listen on no address"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(run, arguments, sentence):
    code, out, said = run(*arguments)
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert sentence in said


def test_tokens_go_to_no_emulator_on_another_machine_unencrypted(run):
    code, _, said = run("--serve", "--bucket", BUCKET, STORAGE_EMULATOR_HOST="http://emulator.example.org:9000")
    assert (code, said.count("\n")) == (2, 1)
    assert "STORAGE_EMULATOR_HOST: expected an https:// address" in said


def test_an_embedded_bucket_checks_no_tokens(run, machine):
    code, _, said = run("--serve", "--bucket", BUCKET, TERRA_ENV_EMBEDDED_BUCKET=str(machine.home))
    assert (code, "cannot check tokens: add --trust-proxy" in said) == (2, True)


def test_help_has_two_examples(machine):
    done = machine.run("preview", "--help")
    assert (done.returncode, done.stdout.count("\n  jupyter terra-env preview ")) == (0, 2)


def test_each_option_is_documented():
    parser = argparse.ArgumentParser()
    preview.configure(parser)
    document = (Path(__file__).parent.parent.parent / "docs" / "previews.md").read_text(encoding="utf-8")
    options = [option for action in parser._actions for option in action.option_strings if option.startswith("--")]
    assert "--bucket" in options
    unknown = [option for option in options if not re.search(rf"{option}\b(?!-)", document)]
    assert unknown == ["--help"]
