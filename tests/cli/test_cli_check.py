"""What `check` says of good and bad settings, reachable and unreachable buckets; and that it writes nothing."""

import contextlib
import json
import os
import socket

import pytest

from jupyter_terra_env.bucket.embedded.api import DATABASE_NAME, EmbeddedBucket
from jupyter_terra_env.bucket.embedded.faults import AnswerWith, Fault, FaultPlan
from jupyter_terra_env.bucket.embedded.http_front import EmbeddedServer
from jupyter_terra_env.bucket.embedded.messages import Request, Response
from jupyter_terra_env.cli.demo_data import BUCKET, DemoFolders, prepare
from jupyter_terra_env.cli.main import main

WORKSPACE = {"WORKSPACE_NAME": "Demo workspace", "WORKSPACE_BUCKET": f"gs://{BUCKET}"}
EMAIL = "ada.lovelace@example.org"


@pytest.fixture(scope="module")
def bucket_folder(tmp_path_factory):
    """The demo's bucket, in a folder that no test changes."""
    folders = DemoFolders(tmp_path_factory.mktemp("check"), "demo")
    prepare(folders)
    return folders.bucket


class BucketForReaders(EmbeddedBucket):
    """A bucket whose policy gives its caller a reader's permissions and one more."""

    def handle(self, request: Request) -> Response:
        if "/iam/testPermissions" not in request.target:
            return super().handle(request)
        body = json.dumps({"permissions": ["storage.objects.create"]}).encode()
        return Response(status=200, headers={"Content-Type": "application/json"}, body=body)


@contextlib.contextmanager
def emulator(folder, *faults, kind=EmbeddedBucket):
    plan = FaultPlan()
    plan.add(*faults)
    with kind(folder / DATABASE_NAME) as engine, EmbeddedServer(engine, faults=plan) as front:
        yield front.url


def report(machine, *arguments, **variables):
    """The exit code and the report, which is the same in words."""
    done = machine.run("check", "--json", *arguments, **variables)
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def check_here(machine, monkeypatch, capsys):
    """The command in this process: quicker, for what ends before a bucket is asked."""

    def check(*arguments, **variables):
        wanted = machine.variables(**variables)
        for name in os.environ.keys() - wanted.keys():
            monkeypatch.delenv(name)
        for name, value in wanted.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(machine.home)
        return main(["check", *arguments]), capsys.readouterr()

    return check


def reasons(found):
    return [trouble["reason"] for trouble in found["troubles"]]


def answers(found, index=0):
    workspace = found["workspaces"][index]
    return workspace["can_list"], workspace["can_read"], workspace["can_write"]


def test_a_good_embedded_bucket(machine, bucket_folder):
    variables = {**WORKSPACE, "OWNER_EMAIL": EMAIL, "TERRA_ENV_EMBEDDED_BUCKET": str(bucket_folder)}
    code, found = report(machine, **variables)
    assert (code, found["well"], found["troubles"]) == (0, True, [])
    assert found["extension"] == {"enabled": True, "other_contents_manager": None}
    assert found["storage"] == {"kind": "embedded bucket", "place": str(bucket_folder)}
    assert (found["owner_email"], found["root"]) == ("set", str(machine.home))
    assert found["workspaces"] == [
        {
            "name": "Demo workspace",
            "bucket": BUCKET,
            "prefix": "notebooks/",
            "edit_directory": "Demo workspace/edit",
            "playground_directory": "Demo workspace/playground",
            "pattern": r".*\.ipynb",
            "user_project": None,
            "can_list": "yes",
            "can_read": "yes",
            "can_write": "yes",
            "notebooks": 3,
        }
    ]

    before = machine.files()
    said = machine.run("check", **variables)
    assert said.returncode == 0
    assert machine.files() == before
    for fact in (f"gs://{BUCKET}/notebooks/", "Demo workspace/edit", "yes (3 notebooks", "No problems found."):
        assert fact in said.stdout
    assert EMAIL.partition("@")[0] not in said.stdout + said.stderr + json.dumps(found)


def test_every_source_of_workspaces_is_shown(machine, bucket_folder):
    machine.configure(
        TerraEnvApp={
            "workspaces": [{"name": "Configured", "bucket": "configured-bucket", "user_project": "payer"}],
            "folder_buckets": [BUCKET],
            "embedded_bucket": str(bucket_folder),
        },
        ServerApp={"root_dir": str(machine.home / "root")},
    )
    localized = machine.home / "root" / "Welder's" / "edit"
    localized.mkdir(parents=True)
    (localized / ".delocalize.json").write_text(json.dumps({"destination": f"gs://{BUCKET}/notebooks"}))
    code, found = report(machine, **WORKSPACE)
    assert [workspace["name"] for workspace in found["workspaces"]] == ["Welder's", "Demo workspace", "Configured"]
    assert [answers(found, index)[0] for index in range(3)] == ["yes", "yes", "no"]
    assert [(trouble["workspace"], trouble["reason"]) for trouble in found["troubles"]] == [
        ("Configured", "bucket-not-found")
    ]
    assert (code, found["root"]) == (1, str(machine.home / "root"))


def test_a_bucket_that_does_not_exist(machine, bucket_folder):
    said = machine.run(
        "check",
        WORKSPACE_NAME="Mine",
        WORKSPACE_BUCKET="gs://no-such-bucket",
        TERRA_ENV_EMBEDDED_BUCKET=str(bucket_folder),
    )
    assert said.returncode == 1
    assert "Mine: The workspace bucket no-such-bucket does not exist:" in said.stdout
    assert "check the setting that names it (WORKSPACE_BUCKET)" in said.stdout


def test_an_embedded_bucket_that_was_never_made_is_not_made_by_asking(machine, tmp_path):
    code, found = report(machine, **WORKSPACE, TERRA_ENV_EMBEDDED_BUCKET=str(tmp_path / "nothing"))
    assert (code, reasons(found)) == (1, ["embedded-bucket"])
    assert "TERRA_ENV_EMBEDDED_BUCKET" in found["troubles"][0]["message"]
    assert not (tmp_path / "nothing").exists()


def test_an_emulator_that_does_not_answer(machine):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{closed.getsockname()[1]}"
        code, found = report(machine, **WORKSPACE, STORAGE_EMULATOR_HOST=f"{host}/secret-token")
    assert (code, reasons(found), answers(found)) == (1, ["unreachable"], ("unknown", "unknown", "unknown"))
    assert found["storage"] == {"kind": "emulator", "place": host}
    assert "secret-token" not in json.dumps(found)


def test_a_reader_is_notified_that_saving_will_not_work(machine, bucket_folder):
    with emulator(bucket_folder, kind=BucketForReaders) as url:
        code, found = report(machine, **WORKSPACE, STORAGE_EMULATOR_HOST=url)
    assert (code, reasons(found), answers(found)) == (1, ["no-permission"], ("yes", "yes", "no"))
    assert "missing: storage.objects.delete, storage.objects.update" in found["troubles"][0]["message"]


def test_who_may_do_nothing_is_reported_once(machine, bucket_folder):
    forbidden = AnswerWith(status=403, reason="forbidden", message="ada does not have storage.objects access.")
    with emulator(bucket_folder, Fault(operation="*", action=forbidden, times=9)) as url:
        code, found = report(machine, **WORKSPACE, STORAGE_EMULATOR_HOST=url)
    assert (code, reasons(found), answers(found)) == (1, ["no-permission"], ("no", "no", "unknown"))


def test_an_emulator_that_knows_no_permissions_leaves_writing_unknown(machine, bucket_folder):
    unknown = AnswerWith(status=404, reason="notFound", message="Not Found")
    with emulator(bucket_folder, Fault(operation="buckets.testIamPermissions", action=unknown)) as url:
        code, found = report(machine, **WORKSPACE, STORAGE_EMULATOR_HOST=url)
    assert (code, found["well"], answers(found)) == (0, True, ("yes", "yes", "unknown"))


def test_without_credentials(machine, tmp_path):
    code, found = report(machine, **WORKSPACE, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "none.json"))
    assert (code, reasons(found), answers(found)) == (1, ["no-credentials"], ("no", "unknown", "unknown"))
    assert BUCKET in found["troubles"][0]["message"]


def test_without_a_workspace_it_says_how_to_name_one(check_here):
    code, said = check_here()
    assert code == 1
    assert "No workspace is configured" in said.out
    assert "WORKSPACE_NAME and WORKSPACE_BUCKET (gs://BUCKET)" in said.out


@pytest.mark.parametrize(
    ("variables", "arguments", "sentence"),
    [
        ({"WORKSPACE_NAME": "Mine"}, [], "WORKSPACE_BUCKET: it is not set"),
        ({**WORKSPACE, "WORKSPACE_BUCKET": "a-bucket"}, [], "WORKSPACE_BUCKET: expected gs://BUCKET"),
        ({**WORKSPACE, "OWNER_EMAIL": "ada"}, [], "OWNER_EMAIL: this is not an e-mail address"),
        (WORKSPACE, ["--root", "no-such-folder"], "no-such-folder is not a folder"),
    ],
)
def test_wrong_settings_end_as_one_sentence(check_here, variables, arguments, sentence):
    code, said = check_here(*arguments, **variables)
    assert (code, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("jupyter terra-env check: ")
    assert sentence in said.err


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("jupyter_server_config.py", "c.TerraEnvApp.workspaces = (", "cannot be read (SyntaxError"),
        ("jupyter_server_config.py", "c.TerraEnvApp.workspaces = 3", "'workspaces' trait"),
        ("jupyter_terra_env_config.py", "c.TerraEnvApp.save_wait_seconds = -1", "TerraEnvApp.save_wait_seconds"),
        ("jupyter_server_config.py", "c.ServerApp.port = 'eight'", "wrong type"),
    ],
)
def test_a_wrong_configuration_file_ends_as_one_sentence(machine, check_here, file, content, sentence):
    machine.config.mkdir()
    (machine.config / file).write_text(content)
    code, said = check_here("--json", **WORKSPACE)
    found = json.loads(said.out)
    assert (code, reasons(found)) == (2, ["settings"])
    assert sentence in found["troubles"][0]["message"]
    assert sentence in said.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"jpserver_extensions": {"jupyter_terra_env": False}}, "extension-disabled"),
        (
            {"contents_manager_class": "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"},
            "other-contents-manager",
        ),
    ],
)
def test_a_configuration_that_keeps_the_extension_out_is_named(machine, check_here, settings, reason):
    machine.configure(ServerApp=settings)
    code, said = check_here("--json")
    assert (code, reasons(json.loads(said.out))) == (1, [reason, "no-workspace"])
