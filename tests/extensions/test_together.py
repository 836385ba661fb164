"""jupytext, jupyter-collaboration, jupyterlab-git, nbdime beside this package, as pip installs them: all at once."""

import json
import subprocess
import time
from urllib.parse import quote

import pytest
from conftest import SIZES, WORKSPACE, notebook, sources
from environments import BUCKET

from jupyter_terra_env.rules.edit_lock import Holder, owner_hash, taken

COLLEAGUE = "colleague@example.org"
sizes = pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())


@pytest.fixture
def name(request):
    """A notebook's name of this test's own."""
    return f"{request.node.name.replace('[', '-').strip(']')}.ipynb"


def locked_by_a_colleague():
    """Custom metadata of an object that another person edits."""
    return taken(Holder(owner=owner_hash(BUCKET, COLLEAGUE), environment="elsewhere"), int(time.time() * 1000))


def test_all_of_them_are_loaded(server):
    for extension in ("jupyterlab_jupytext", "jupyter_server_ydoc", "jupyterlab_git", "nbdime", "jupyter_terra_env"):
        assert f"{extension} | extension was successfully loaded" in server.output
    assert "Deriving an AsyncTextFileContentsManager from TerraContentsManager" in server.output
    assert "Traceback" not in server.output


@sizes
def test_a_notebook_is_saved_opened_renamed_copied_and_deleted(person, bucket, name, text):
    assert person.save(name, text).status_code == 201
    person.settled(name)
    assert (person.on_disk(name), bucket.sources(name)) == ([text], [text])
    assert sources(person.open(name, hash=1).json()["content"]) == [text]
    assert person.save(name, text, "2").status_code == 200
    person.settled(name)
    assert bucket.sources(name) == [text, "2"]
    copied = person.server.ask(
        "POST", f"api/contents/{quote(WORKSPACE)}/edit", {"copy_from": f"{WORKSPACE}/edit/{name}"}
    )
    assert copied.status_code == 201
    assert person.on_disk(copied.json()["name"]) == [text, "2"]
    moved = person.api("PATCH", name, {"path": f"{WORKSPACE}/edit/new {name}"})
    assert moved.status_code == 200
    assert name not in bucket.names()
    assert bucket.sources(f"new {name}") == [text, "2"]
    assert person.api("DELETE", f"new {name}").status_code == 204
    assert f"new {name}" not in bucket.names()


@sizes
def test_a_notebook_that_only_the_bucket_has_is_opened(person, bucket, name, text):
    bucket.put_notebook(name, text)
    assert sources(person.open(name).json()["content"]) == [text]
    assert person.status(name)["lock"]["state"] == "held"


@sizes
def test_a_conflict_is_answered_with_its_reason(person, bucket, name, text):
    bucket.put_notebook(name, "1")
    person.open(name)
    bucket.put_notebook(name, "theirs")
    person.save(name, text)
    person.settled(name, "conflict")
    refused = person.save(name, text, "more")
    assert (refused.status_code, refused.json()["reason"]) == (409, "remote-changed")
    assert refused.json()["message"] == person.status(name)["message"]
    assert (person.on_disk(name), bucket.sources(name)) == ([text, "more"], ["theirs"])


@sizes
def test_a_lock_is_answered_with_whose_it_is(person, bucket, name, text):
    bucket.put_notebook(name, "1")
    person.open(name)
    bucket.lock(name, **locked_by_a_colleague())
    person.save(name, text)
    person.settled(name, "locked")
    refused = person.save(name, text, "more")
    assert (refused.status_code, refused.json()["reason"]) == (409, "locked-by-other")
    assert refused.json()["lock"]["holder"] == owner_hash(BUCKET, COLLEAGUE)
    assert (person.on_disk(name), bucket.sources(name)) == ([text, "more"], ["1"])


def test_a_new_notebook_does_not_take_a_name_that_only_the_bucket_has(person, bucket):
    bucket.put_notebook("Untitled.ipynb", "theirs")
    made = person.server.ask("POST", f"api/contents/{quote(WORKSPACE)}/edit", {"type": "notebook"})
    assert made.status_code == 201, made.text
    assert made.json()["name"] != "Untitled.ipynb"
    assert bucket.sources("Untitled.ipynb") == ["theirs"]
    assert person.status(made.json()["name"])["place"] in {"in-workspace", "uploading"}


# jupytext's paired files

PAIRED = {"jupytext": {"formats": "ipynb,py:percent"}}


def paired(*cell_sources):
    return notebook(*cell_sources, **PAIRED)


@sizes
def test_a_paired_script_stays_on_this_disk_and_its_status_says_so(person, bucket, name, text):
    script = name.replace(".ipynb", ".py")
    assert person.put(name, paired(text, "2")).status_code == 201
    person.settled(name)
    assert (person.on_disk(name), bucket.sources(name)) == ([text, "2"], [text, "2"])
    assert text in (person.edit / script).read_text()
    status = person.status(script)
    assert (status["place"], status["reason"]) == ("local-only", "name-pattern")
    assert script not in bucket.names()
    assert sources(person.open(name).json()["content"]) == [text, "2"]
    assert sources(person.open(script, type="notebook").json()["content"]) == [text, "2"]
    script_saved = person.api("PUT", script, {"type": "notebook", "format": "json", "content": paired(text, "3")})
    assert script_saved.status_code == 200
    person.settled(name)
    assert bucket.sources(name) == [text, "3"]


@sizes
def test_a_paired_notebook_that_another_person_edits_is_not_replaced(person, bucket, name, text):
    person.put(name, paired(text))
    person.settled(name)
    bucket.lock(name, **locked_by_a_colleague())
    person.put(name, paired(text, "mine"))
    person.settled(name, "locked")
    refused = person.put(name, paired(text, "mine too"))
    assert (refused.status_code, refused.json()["reason"]) == (409, "locked-by-other")
    assert bucket.sources(name) == [text]
    assert person.on_disk(name) == [text, "mine too"]


def test_theirs_are_never_lost_behind_a_paired_script(person, bucket, name):
    """jupytext shows what the script has, or refuses to open what is newer."""
    person.put(name, paired("mine"))
    person.settled(name)
    bucket.put_notebook(name, "theirs")
    person.open(name)
    person.put(name, paired("mine", "more"))
    kept = [person.on_disk(file.name) for file in person.edit.glob(f"{name[:-6]} (my edits*).ipynb")]
    assert ["theirs"] in [bucket.sources(name), *kept]


# jupyterlab-git


def git(person, *arguments):
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=person.edit, check=True, capture_output=True)


def is_told_truly(person, bucket, name):
    """Whether nothing is said to be in the workspace that is not."""
    stored = bucket.content(name)
    return person.status(name)["place"] != "in-workspace" or (person.edit / name).read_bytes() == stored


@sizes
def test_a_checkout_in_the_edit_folder_is_reported_truly(person, bucket, name, text):
    person.save(name, text, "first")
    person.settled(name)
    git(person, "init", "--quiet")
    git(person, "add", name)
    git(person, "commit", "--quiet", "-m", "first")
    person.save(name, text, "second")
    person.settled(name)
    folder = quote(f"{WORKSPACE}/edit")
    status = person.server.ask("POST", f"git/{folder}/status", {})
    assert status.status_code == 200
    assert name in [file["to"] for file in status.json()["files"]]
    checkout = person.server.ask("POST", f"git/{folder}/checkout", {"checkout_branch": False, "filename": name})
    assert checkout.status_code == 200, checkout.text
    assert person.on_disk(name) == [text, "first"]
    assert is_told_truly(person, bucket, name)
    opened = person.open(name)
    assert opened.status_code == 200
    assert is_told_truly(person, bucket, name)
    assert person.save(name, text, "third").status_code == 200
    person.settled(name)
    assert bucket.sources(name) == [text, "third"]
    assert not [stored for stored in bucket.names() if ".git" in stored]


# nbdime, and what else asks the server


def test_nbdime_compares_notebooks_of_a_workspace(person):
    person.save("left.ipynb", "1")
    person.save("right.ipynb", "2")
    told = person.server.ask(
        "POST",
        "nbdime/api/diff",
        {"base": f"{WORKSPACE}/edit/left.ipynb", "remote": f"{WORKSPACE}/edit/right.ipynb"},
    )
    assert told.status_code == 200, told.text
    assert sources(told.json()["base"]) == ["1"]
    assert told.json()["diff"]


def test_nbdimes_buttons_show_what_a_checkpoint_and_git_have(person, name):
    person.save(name, "1")
    person.server.ask("POST", f"api/contents/{quote(f'{WORKSPACE}/edit/{name}')}/checkpoints")
    git(person, "init", "--quiet")
    told = person.server.ask("POST", "nbdime/api/isgit", {"path": f"{WORKSPACE}/edit/{name}"})
    assert (told.status_code, told.json()["is_git"]) == (200, True)
    told = person.server.ask("POST", "nbdime/api/diff", {"base": f"checkpoint:{WORKSPACE}/edit/{name}", "remote": ""})
    assert told.status_code in {200, 400, 422}, "refused or answered: never an error of ours"


def test_the_ways_out_of_a_conflict_go_on_working(person, bucket, name):
    bucket.put_notebook(name, "1")
    person.open(name)
    bucket.put_notebook(name, "theirs")
    person.save(name, "mine")
    person.settled(name, "conflict")
    path = f"{WORKSPACE}/edit/{name}"
    solved = person.server.ask("POST", "terra-env/resolve", {"path": path, "action": "take-theirs"})
    assert solved.status_code == 200, solved.text
    assert sources(person.open(name).json()["content"]) == ["theirs"]
    kept = solved.json()["kept_edits"].rpartition("/")[2]
    assert person.on_disk(kept) == ["mine"]


@pytest.mark.parametrize("endpoint", ["lsp/status", "api/metrics/v1", "api/sessions", "api/kernelspecs", "lab", "tree"])
def test_what_others_serve_is_served(server, endpoint):
    if endpoint.split("/")[0] not in {"lab", "tree", "api"} and "jupyter_lsp | extension was" not in server.output:
        pytest.skip("not installed")
    if endpoint == "api/metrics/v1" and "jupyter_resource_usage | extension was" not in server.output:
        pytest.skip("not installed")
    assert server.ask("GET", endpoint).status_code == 200


def test_nothing_of_this_went_wrong_unseen(server):
    assert "jupyter_terra_env" not in "".join(line for line in server.output.splitlines() if "Traceback" in line)
    assert json.loads(server.ask("GET", "terra-env/debts").text)["debts"] is not None
