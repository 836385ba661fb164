"""Links in a workspace folder that lead out of it: no verb follows one, at either end."""

import os
from pathlib import Path

import pytest
from workspace_kit import WORKSPACE, notebook, text_of

MODEL = {"type": "file", "format": "text", "content": "x"}


@pytest.fixture
def elsewhere(jp_root_dir, edit, playground, jp_serverapp):
    """A folder outside, and links to it in both workspace folders."""
    outside = jp_root_dir.parent / "elsewhere"
    outside.mkdir()
    (edit / "out").symlink_to(outside)
    (edit / "real").mkdir()
    (edit / "real" / "up").symlink_to("../../..")
    (edit / "sideways").symlink_to(playground)
    (playground / "out").symlink_to(outside)
    (playground / "back").symlink_to(edit)
    return outside


TARGETS = [
    f"{WORKSPACE}/edit/out",
    f"{WORKSPACE}/edit/real/up",
    f"{WORKSPACE}/edit/sideways",
    f"{WORKSPACE}/playground/out",
    f"{WORKSPACE}/playground/back",
]
SOURCES = [
    "edit/a.ipynb",
    "edit/a.txt",
    "edit/whole",
    "playground/b.ipynb",
    "playground/whole",
    "outside.ipynb",
    "only",
]


def everything_below(folder):
    return sorted(
        os.path.relpath(found, folder) for found in Path(folder).rglob("*") if ".jupyter-terra-env" not in found.parts
    )


async def make_sources(contents, edit, playground, jp_root_dir):
    await contents.save("a.ipynb", "1")
    await contents.put("a.txt", MODEL)
    (edit / "whole").mkdir()
    await contents.save("whole/c.ipynb", "1")
    await contents.save("b.ipynb", "1", folder="playground")
    (playground / "whole").mkdir()
    (playground / "whole" / "d.ipynb").write_text(text_of(notebook("1")))
    (jp_root_dir / "outside.ipynb").write_text(text_of(notebook("1")))
    (jp_root_dir / "only").mkdir()
    (jp_root_dir / "only" / "e.ipynb").write_text(text_of(notebook("1")))
    await contents.settled("whole/c.ipynb")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
async def test_a_rename_into_a_link(bucket, api, contents, edit, playground, jp_root_dir, elsewhere, source, target):
    await make_sources(contents, edit, playground, jp_root_dir)
    disk, names = everything_below(jp_root_dir), bucket.names()
    old = source if source in {"outside.ipynb", "only"} else f"{WORKSPACE}/{source}"
    name = "new" if "." not in source else "new" + source[source.index(".") :]
    for below in ("", "deeper/"):
        answer = await api("PATCH", "contents", old, body={"path": f"{target}/{below}{name}"})
        assert (answer.code, answer.reason) == (404, "outside-workspace"), answer.body
    assert everything_below(elsewhere) == []
    assert everything_below(jp_root_dir) == disk
    assert bucket.names() == names


@pytest.mark.parametrize("target", TARGETS)
async def test_every_other_verb(bucket, api, contents, edit, playground, jp_root_dir, elsewhere, target):
    await make_sources(contents, edit, playground, jp_root_dir)
    (elsewhere / "secret.ipynb").write_text(text_of(notebook("secret")))
    (elsewhere / "deeper").mkdir()
    disk, names = everything_below(jp_root_dir), bucket.names()
    notebook_model = {"type": "notebook", "content": notebook("evil")}
    tried = [
        await api("PUT", "contents", f"{target}/x.ipynb", body=notebook_model),
        await api("PUT", "contents", f"{target}/x.txt", body=MODEL),
        await api("PUT", "contents", f"{target}/x.txt", body={**MODEL, "chunk": 1}),
        await api("PUT", "contents", f"{target}/folder", body={"type": "directory"}),
        await api("POST", "contents", target, body={"type": "notebook"}),
        await api("POST", "contents", target, body={"copy_from": f"{WORKSPACE}/edit/a.ipynb"}),
        await api("POST", "contents", target, body={"copy_from": "outside.ipynb"}),
        await api("POST", "contents", "", body={"copy_from": f"{target}/secret.ipynb"}),
        await api("DELETE", "contents", f"{target}/secret.ipynb"),
        await api("DELETE", "contents", f"{target}/deeper"),
        await api("PATCH", "contents", f"{target}/secret.ipynb", body={"path": f"{WORKSPACE}/edit/in.ipynb"}),
        await api("PATCH", "contents", f"{target}/secret.ipynb", body={"path": "in.ipynb"}),
        await api("PATCH", "contents", f"{target}/deeper", body={"path": f"{WORKSPACE}/edit/in"}),
        await api("POST", "contents", f"{target}/secret.ipynb", "trust"),
        await api("GET", "contents", target, content=1),
        await api("GET", "contents", f"{target}/deeper", content=1),
        await api("GET", "contents", f"{target}/secret.ipynb", content=1),
        await api("POST", "contents", f"{target}/secret.ipynb", "checkpoints"),
        await api("GET", f"{target}/secret.ipynb", base="files"),
        await api("GET", f"{target}/secret.ipynb", base="nbconvert/html"),
        await api("GET", "preview", base="terra-env", path=f"{target}/secret.ipynb"),
        await api("GET", "status", base="terra-env", path=f"{target}/secret.ipynb"),
        await api("GET", "conflict", base="terra-env", path=f"{target}/secret.ipynb"),
        *[
            await api("POST", verb, base="terra-env", body={"path": f"{target}/secret.ipynb", "action": action})
            for verb, action in (
                ("open-workspace-version", ""),
                ("resolve", "keep-both"),
                ("resolve", "replace-theirs"),
            )
        ],
    ]
    assert {number: answer.code for number, answer in enumerate(tried) if answer.code != 404} == {}
    assert everything_below(jp_root_dir) == disk
    assert everything_below(elsewhere) == ["deeper", "secret.ipynb"]
    assert bucket.names() == names


async def test_a_link_is_renamed_and_deleted_itself(api, edit, elsewhere):
    (elsewhere / "secret.ipynb").write_text(text_of(notebook("secret")))
    for old, new in (("out", "renamed"), ("renamed", "deeper/again")):
        answer = await api("PATCH", "contents", f"{WORKSPACE}/edit/{old}", body={"path": f"{WORKSPACE}/edit/{new}"})
        assert answer.code in {200, 404}
    for name in ("out", "renamed", "deeper"):
        await api("DELETE", "contents", f"{WORKSPACE}/edit/{name}")
    assert everything_below(elsewhere) == ["secret.ipynb"]


async def test_a_link_is_listed_beside_what_is_well(bucket, contents, edit, elsewhere):
    bucket.put_notebook("well.ipynb", "1")
    assert "well.ipynb" in (await contents.list()).names


def folder_of_checkpoints(folder, elsewhere):
    (folder / ".ipynb_checkpoints").symlink_to(elsewhere)


def checkpoint(folder, elsewhere):
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "a-checkpoint.ipynb").symlink_to(elsewhere / "a-checkpoint.ipynb")


@pytest.mark.parametrize("make_link", [folder_of_checkpoints, checkpoint])
@pytest.mark.parametrize("folder", ["edit", "playground"])
async def test_a_link_of_checkpoints_is_not_followed(contents, api, jp_root_dir, elsewhere, folder, make_link):
    (jp_root_dir / WORKSPACE / folder / "sub").mkdir()
    make_link(jp_root_dir / WORKSPACE / folder / "sub", elsewhere)
    (elsewhere / "a-checkpoint.ipynb").write_text(text_of(notebook("secret")))
    path = f"{WORKSPACE}/{folder}/sub/a.ipynb"
    assert (await contents.save("sub/a.ipynb", "1", folder=folder)).code == 201
    assert (await api("GET", "contents", path, "checkpoints")).model == []
    for method, name in (("POST", ()), ("POST", ("checkpoint",)), ("DELETE", ("checkpoint",))):
        answer = await api(method, "contents", path, "checkpoints", *name)
        assert (answer.code, answer.reason) == (404, "outside-workspace"), answer.body
    assert "secret" not in (jp_root_dir / path).read_text()
    assert (await api("PATCH", "contents", path, body={"path": f"{WORKSPACE}/{folder}/b.ipynb"})).code == 200
    assert (await api("DELETE", "contents", f"{WORKSPACE}/{folder}/b.ipynb")).code == 204
    assert everything_below(elsewhere) == ["a-checkpoint.ipynb"]
    assert (elsewhere / "a-checkpoint.ipynb").read_text() == text_of(notebook("secret"))
