"""Contents managers that other code has changed: large notebooks are saved, opened and copied as small ones are."""

import asyncio
import copy
import functools
import json
from pathlib import Path

import nbformat
import pytest
from jupyter_server.services.contents import filemanager
from jupyter_server.services.contents.filecheckpoints import AsyncGenericFileCheckpoints
from jupyter_server.services.contents.manager import AsyncContentsManager
from nbformat import v4
from tornado.web import HTTPError
from workspace_kit import WORKSPACE, notebook, sources

from jupyter_terra_env.server.contents.large_notebooks.own_methods import has_only_own_methods
from jupyter_terra_env.server.contents.large_notebooks.prepared_notebook import NOT_SAVED, PreparedNotebook
from jupyter_terra_env.server.contents.manager import TerraContentsManager
from jupyter_terra_env.server.http_errors import Refusal

SIZES = {"small": "x", "large": "x" * 1_100_000}


class Rebuilds(TerraContentsManager):
    """Makes a new notebook of what it finds in a model, as jupytext does."""

    async def save(self, model, path=""):
        content = model["content"]
        rebuilt = v4.new_notebook(cells=content["cells"], metadata=content["metadata"])
        return await super().save({"type": "notebook", "content": rebuilt}, path)


class LooksIntoWhatItGets(TerraContentsManager):
    """Reads the notebook it shows, and one that it copies."""

    async def get(self, path, content=True, **kwargs):
        model = await super().get(path, content, **kwargs)
        if content and model["type"] == "notebook":
            model["content"] = v4.new_notebook(cells=model["content"].cells, metadata=model["content"].metadata)
        return model


class WritesByItself(TerraContentsManager):
    """Writes another form of the notebook."""

    async def _save_notebook(self, os_path, nb, capture_validation_error=None):
        clean = v4.new_notebook(cells=[dict(cell) for cell in nb["cells"]], metadata=nb["metadata"])
        await super()._save_notebook(os_path, clean, capture_validation_error)


class ReadsByItself(TerraContentsManager):
    """Changes notebooks while they are read."""

    async def _read_notebook(self, os_path, as_version=4, capture_validation_error=None, raw=False):
        found = await super()._read_notebook(os_path, as_version, capture_validation_error, raw)
        (found[0] if raw else found)["metadata"]["read"] = True
        return found


class MakesItsOwnModel(TerraContentsManager):
    """Changes models of notebooks."""

    async def _notebook_model(self, path, content=True, require_hash=False):
        model = await super()._notebook_model(path, content, require_hash)
        if content:
            model["content"]["metadata"]["shown"] = len(model["content"]["cells"])
        return model


class SignsByItself(TerraContentsManager):
    """Looks at the cells before it signs."""

    def check_and_sign(self, nb, path="", **kwargs):
        assert all(cell["source"] for cell in nb["cells"])
        super().check_and_sign(nb, path, **kwargs)


class Proxy(AsyncContentsManager):
    """Passes everything on to another manager, as those do that mount several."""

    def __init__(self, inner, **kwargs):
        super().__init__(parent=inner.parent, log=inner.log)
        self.inner = inner

    def __getattr__(self, name):
        if "inner" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.inner, name)

    async def get(self, path, *args, **kwargs):
        return await self.inner.get(path, *args, **kwargs)

    async def save(self, model, path=""):
        content = model["content"]
        rebuilt = v4.new_notebook(cells=content["cells"], metadata=content["metadata"])
        return await self.inner.save({**model, "content": rebuilt}, path)

    async def is_hidden(self, path):
        return await self.inner.is_hidden(path)

    async def file_exists(self, path):
        return await self.inner.file_exists(path)

    async def dir_exists(self, path):
        return await self.inner.dir_exists(path)


class Impostor(Proxy):
    """A proxy that claims to be what it wraps, as those of some packages do."""

    @property
    def __class__(self):
        return TerraContentsManager


def _derived(manager_class):
    def put(server, monkeypatch):
        """As jupytext does, when this package's handlers are there already."""
        server.contents_manager = manager_class(parent=server, log=server.log)
        server.session_manager.contents_manager = server.contents_manager
        server.web_app.settings["contents_manager"] = server.contents_manager

    return put


def _wrapped(manager_class):
    def put(server, monkeypatch):
        server.contents_manager = manager_class(server.contents_manager)
        server.web_app.settings["contents_manager"] = server.contents_manager

    return put


async def _rebuilding_save(save, model, path=""):
    content = model["content"]
    return await save({"type": "notebook", "content": v4.new_notebook(cells=content["cells"])}, path)


def _instance_changed(server, monkeypatch):
    manager = server.contents_manager
    monkeypatch.setattr(manager, "save", functools.partial(_rebuilding_save, manager.save), raising=False)


def _class_changed(server, monkeypatch):
    stock = TerraContentsManager.save

    @functools.wraps(stock)
    async def save(self, model, path=""):
        return await _rebuilding_save(functools.partial(stock, self), model, path)

    monkeypatch.setattr(TerraContentsManager, "save", save)


def _class_of_jupyters_changed(server, monkeypatch):
    stock = filemanager.FileContentsManager.check_and_sign

    @functools.wraps(stock)
    def check_and_sign(self, nb, path="", **kwargs):
        assert all(cell["source"] for cell in nb["cells"])
        stock(self, nb, path, **kwargs)

    monkeypatch.setattr(filemanager.FileContentsManager, "check_and_sign", check_and_sign, raising=False)


CHANGES = {
    "save overridden": _derived(Rebuilds),
    "get overridden": _derived(LooksIntoWhatItGets),
    "_save_notebook overridden": _derived(WritesByItself),
    "_read_notebook overridden": _derived(ReadsByItself),
    "_notebook_model overridden": _derived(MakesItsOwnModel),
    "check_and_sign overridden": _derived(SignsByItself),
    "a proxy": _wrapped(Proxy),
    "a proxy that claims to be ours": _wrapped(Impostor),
    "an instance's method replaced": _instance_changed,
    "a method of our class replaced": _class_changed,
    "a method of Jupyter's class replaced": _class_of_jupyters_changed,
}


@pytest.fixture(params=CHANGES.values(), ids=CHANGES.keys())
def changed(request, jp_serverapp, monkeypatch):
    """A server whose contents manager other code has changed while it started."""
    request.param(jp_serverapp, monkeypatch)
    return jp_serverapp


@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_what_is_saved_opened_and_copied_is_the_notebook(bucket, contents, edit, changed, text):
    saved = await contents.save("a.ipynb", text, "2")
    assert saved.code == 201
    await contents.settled("a.ipynb")
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == [text, "2"]
    assert bucket.sources("a.ipynb") == [text, "2"]
    opened = await contents.open("a.ipynb")
    assert (opened.code, sources(opened.model["content"])) == (200, [text, "2"])
    again = await contents.save("a.ipynb", text, "3")
    assert again.code == 200
    copied = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert copied.code == 201
    assert sources(json.loads((edit / "a-Copy1.ipynb").read_bytes())) == [text, "3"]


@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_what_an_override_does_is_done(bucket, contents, jp_serverapp, monkeypatch, text):
    CHANGES["_notebook_model overridden"](jp_serverapp, monkeypatch)
    bucket.put_notebook("a.ipynb", text)
    assert (await contents.open("a.ipynb")).model["content"]["metadata"]["shown"] == 1


class OnlyCountsItsMakings(TerraContentsManager):
    """Derived from ours, without an override of what stand-ins go through."""

    made = 0

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        type(self).made += 1

    def something_of_its_own(self):
        return self.made


async def test_a_class_that_overrides_nothing_keeps_the_event_loop_free(contents, edit, jp_serverapp, monkeypatch):
    _derived(OnlyCountsItsMakings)(jp_serverapp, monkeypatch)
    before = jp_serverapp.contents_manager.converter.converted
    await contents.save("a.ipynb", SIZES["large"])
    assert sources((await contents.open("a.ipynb")).model["content"]) == [SIZES["large"]]
    assert jp_serverapp.contents_manager.converter.converted == before + 2


def test_overrides_are_seen(tmp_path):
    plain = TerraContentsManager(root_dir=str(tmp_path))
    assert has_only_own_methods(plain)
    for derived in (Rebuilds, LooksIntoWhatItGets, WritesByItself, ReadsByItself, MakesItsOwnModel, SignsByItself):
        assert not has_only_own_methods(derived(root_dir=str(tmp_path)))
    plain.increment_filename = None
    assert not has_only_own_methods(plain)


# Whatever comes between a request and the disk


def test_nothing_can_be_made_of_a_stand_in():
    stand_in = PreparedNotebook(None, {})
    assert copy.deepcopy({"content": stand_in})["content"] is stand_in
    assert copy.copy(stand_in) is stand_in
    for reading in (
        lambda: stand_in["cells"],
        lambda: stand_in.cells,
        lambda: stand_in.get("cells", []),
        lambda: getattr(stand_in, "cells", []),
        lambda: dict(stand_in),
        lambda: {**stand_in},
        lambda: list(stand_in),
        lambda: "cells" in stand_in,
        lambda: len(stand_in),
    ):
        with pytest.raises(Refusal, match="Nothing was saved"):
            reading()
    with pytest.raises(TypeError):
        json.dumps(stand_in)
    assert nbformat.from_dict(stand_in) is stand_in


async def test_another_notebook_is_never_saved_in_its_place(bucket, contents, edit, jp_serverapp, monkeypatch):
    await contents.save("a.ipynb", "before")
    await contents.settled("a.ipynb")
    stock = filemanager.nbformat.from_dict
    monkeypatch.setattr(
        filemanager.nbformat, "from_dict", lambda d: v4.new_notebook() if isinstance(d, PreparedNotebook) else stock(d)
    )
    refused = await contents.save("a.ipynb", SIZES["large"])
    assert (refused.code, refused.reason) == (500, NOT_SAVED)
    assert "Nothing was saved" in refused.message
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["before"]
    assert bucket.sources("a.ipynb") == ["before"]


async def test_another_notebook_is_never_copied_in_its_place(bucket, contents, edit, jp_serverapp, monkeypatch):
    await contents.save("a.ipynb", SIZES["large"])
    await contents.settled("a.ipynb")
    stock = filemanager.nbformat.from_dict
    monkeypatch.setattr(
        filemanager.nbformat, "from_dict", lambda d: v4.new_notebook() if isinstance(d, PreparedNotebook) else stock(d)
    )
    refused = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert (refused.code, refused.reason) == (500, NOT_SAVED)
    assert [file.name for file in edit.iterdir() if not file.is_dir()] == ["a.ipynb"]
    assert bucket.names() == ["notebooks/a.ipynb"]


async def test_a_copy_that_saves_nothing_is_not_acknowledged(contents, edit, jp_serverapp, monkeypatch):
    await contents.save("a.ipynb", SIZES["large"])
    manager = jp_serverapp.contents_manager

    async def writes_nothing(os_path, nb, capture_validation_error=None):
        await asyncio.to_thread(Path(os_path).write_bytes, b"")

    prepare = manager.prepare

    async def then_changed(path, body):
        monkeypatch.setattr(manager, "_save_notebook", writes_nothing, raising=False)
        return await prepare(path, body)

    monkeypatch.setattr(manager, "prepare", then_changed, raising=False)
    only_own = "jupyter_terra_env.server.contents.large_notebooks.manager.has_only_own_methods"
    monkeypatch.setattr(only_own, lambda _: True)
    refused = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert (refused.code, refused.reason) == (500, NOT_SAVED)


async def test_a_save_that_saves_nothing_is_not_acknowledged(contents, edit, jp_serverapp, monkeypatch):
    """An override that is put in place while the body is read, and does nothing."""
    await contents.save("a.ipynb", "before")
    manager = jp_serverapp.contents_manager
    stock = manager.converter.prepare

    async def save(model, path=""):
        return await manager.get(path, content=False)

    async def prepare(body, notary):
        monkeypatch.setattr(manager, "save", save, raising=False)
        return await stock(body, notary)

    monkeypatch.setattr(manager.converter, "prepare", prepare)
    refused = await contents.save("a.ipynb", SIZES["large"])
    assert (refused.code, refused.reason) == (500, NOT_SAVED)
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["before"]


async def test_an_override_that_comes_while_the_body_is_read_saves_nothing(contents, edit, jp_serverapp, monkeypatch):
    await contents.save("a.ipynb", "before")
    manager = jp_serverapp.contents_manager
    stock = manager.converter.prepare

    async def prepare(body, notary):
        monkeypatch.setattr(manager, "save", functools.partial(_empty_at_worst, manager.save), raising=False)
        return await stock(body, notary)

    monkeypatch.setattr(manager.converter, "prepare", prepare)
    refused = await contents.save("a.ipynb", SIZES["large"])
    assert (refused.code, refused.reason) == (500, NOT_SAVED)
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["before"]


async def _empty_at_worst(save, model, path=""):
    try:
        return await _rebuilding_save(save, model, path)
    except HTTPError:
        return await save({"type": "notebook", "content": v4.new_notebook()}, path)


async def test_a_hook_that_comes_while_the_body_is_read_is_not_passed_over(contents, edit, jp_serverapp, monkeypatch):
    await contents.save("a.ipynb", "before")
    manager = jp_serverapp.contents_manager
    stock = manager.converter.prepare

    async def prepare(body, notary):
        manager.register_pre_save_hook(_clear_outputs)
        return await stock(body, notary)

    monkeypatch.setattr(manager.converter, "prepare", prepare)
    refused = await contents.save("a.ipynb", SIZES["large"])
    assert (refused.code, refused.reason) == (500, NOT_SAVED)
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["before"]
    assert (await contents.save("a.ipynb", SIZES["large"])).code == 200


# Hooks


def _clear_outputs(model, **_):
    if model["type"] == "notebook":
        for cell in model["content"]["cells"]:
            cell["outputs"] = []


HOOKED = {
    "trait": lambda manager, hook: setattr(manager, "pre_save_hook", hook),
    "registered": lambda manager, hook: manager.register_pre_save_hook(hook),
}


@pytest.mark.parametrize("hooked", HOOKED.values(), ids=HOOKED.keys())
@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_a_hook_before_saves_changes_what_is_saved(bucket, contents, edit, jp_serverapp, hooked, text):
    hooked(jp_serverapp.contents_manager, _clear_outputs)
    secret = v4.new_output("stream", text="secret")
    nb = notebook(text, outputs=[secret])
    assert (await contents.put("a.ipynb", {"type": "notebook", "format": "json", "content": nb})).code == 201
    await contents.settled("a.ipynb")
    for stored in (json.loads((edit / "a.ipynb").read_bytes()), json.loads(bucket.get("a.ipynb").content)):
        assert sources(stored) == [text]
        assert stored["cells"][0]["outputs"] == []
    copied = await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")
    assert copied.code == 201
    assert sources(json.loads((edit / "a-Copy1.ipynb").read_bytes())) == [text]


@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_a_hook_before_saves_may_refuse_them(bucket, contents, edit, jp_serverapp, text):
    def refuse(**_):
        raise HTTPError(422, "no secrets in notebooks")

    await contents.save("a.ipynb", "before")
    await contents.settled("a.ipynb")
    jp_serverapp.contents_manager.register_pre_save_hook(refuse)
    refused = await contents.save("a.ipynb", text)
    assert (refused.code, refused.message) == (422, "no secrets in notebooks")
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == ["before"]
    assert bucket.sources("a.ipynb") == ["before"]


@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_a_hook_after_saves_reads_the_file_and_what_it_writes_goes_to_the_bucket(
    bucket, contents, edit, jp_serverapp, text
):
    def stamp(model, os_path, contents_manager):
        nb = json.loads(Path(os_path).read_bytes())
        nb["metadata"]["stamped"] = len(nb["cells"])
        Path(os_path).write_text(json.dumps(nb), encoding="utf-8")

    jp_serverapp.contents_manager.register_post_save_hook(stamp)
    assert (await contents.save("a.ipynb", text, "2")).code == 201
    await contents.settled("a.ipynb")
    assert json.loads(bucket.get("a.ipynb").content)["metadata"]["stamped"] == 2
    assert bucket.get("a.ipynb").content == (edit / "a.ipynb").read_bytes()


@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_a_hook_after_saves_that_fails_leaves_nothing_behind(bucket, contents, edit, jp_serverapp, text):
    def fail(**_):
        raise OSError("no room for the script")

    jp_serverapp.contents_manager.register_post_save_hook(fail)
    answer = await contents.save("a.ipynb", text)
    assert answer.code == 500, "as Jupyter answers"
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == [text]
    await contents.settled("a.ipynb")
    assert bucket.sources("a.ipynb") == [text]


@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_checkpoints_that_read_the_notebook_get_it(contents, edit, jp_serverapp, jp_root_dir, text):
    manager = jp_serverapp.contents_manager
    root = jp_root_dir / "checkpoints"
    (root / WORKSPACE / "edit").mkdir(parents=True)
    manager.checkpoints = AsyncGenericFileCheckpoints(parent=manager, root_dir=str(root))
    assert (await contents.save("a.ipynb", text)).code == 201
    assert (await contents.new(copy_from=f"{WORKSPACE}/edit/a.ipynb")).code == 201
    assert [sources(json.loads(file.read_bytes())) for file in root.rglob("*.ipynb")] == [[text], [text]]


# What is shown


class ShowsItsOwn(TerraContentsManager):
    """Shows something else than what it read, or nothing, as jupytext does of paired notebooks."""

    instead = None

    async def get(self, path, content=True, **kwargs):
        model = await super().get(path, content, **kwargs)
        if content and isinstance(self.instead, Exception):
            raise self.instead
        if content and self.instead is not None and path.endswith("a.ipynb"):
            model["content"] = self.instead
        return model


def _kept(edit):
    return [sources(json.loads(file.read_bytes())) for file in edit.glob("* (my edits*).ipynb")]


@pytest.mark.parametrize(
    "instead", [notebook("mine"), HTTPError(400, "it is newer")], ids=["something else", "nothing"]
)
async def test_what_others_wrote_and_no_one_was_shown_is_kept(
    bucket, contents, edit, jp_serverapp, monkeypatch, instead
):
    _derived(ShowsItsOwn)(jp_serverapp, monkeypatch)
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    monkeypatch.setattr(ShowsItsOwn, "instead", instead)
    for _ in "12":
        await contents.open("a.ipynb")
    assert (await contents.save("a.ipynb", "mine")).code == 200
    assert _kept(edit) == [["theirs"]]
    await contents.save("a.ipynb", "mine too")
    assert _kept(edit) == [["theirs"]]


async def test_theirs_that_were_taken_and_not_shown_are_kept(bucket, api, contents, edit, jp_serverapp, monkeypatch):
    _derived(ShowsItsOwn)(jp_serverapp, monkeypatch)
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    assert (await contents.save("a.ipynb", "mine")).code == 409
    path = f"{WORKSPACE}/edit/a.ipynb"
    taken = await api("POST", "resolve", base="terra-env", body={"path": path, "action": "take-theirs"})
    assert (taken.code, _kept(edit)) == (200, [["mine"]])
    monkeypatch.setattr(ShowsItsOwn, "instead", HTTPError(400, "it is newer"))
    await contents.open("a.ipynb")
    assert (await contents.save("a.ipynb", "mine still")).code == 200
    assert sorted(_kept(edit)) == [["mine"], ["theirs"]]


@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_what_was_shown_is_not_kept(bucket, contents, edit, changed, text):
    bucket.put_notebook("a.ipynb", text)
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", text, "2")
    assert sources((await contents.open("a.ipynb")).model["content"]) == [text, "2"]
    await contents.save("a.ipynb", text, "3")
    await contents.settled("a.ipynb")
    assert _kept(edit) == []


# Refusals


class WrapsErrors(Rebuilds):
    """Turns every error into one of its own, as jupytext does."""

    async def save(self, model, path=""):
        try:
            return await super().save(model, path)
        except Exception as error:  # noqa: BLE001
            raise HTTPError(500, f"Unexpected error while saving file: {path} {error}")  # noqa: B904


class HidesErrors(Rebuilds):
    """The same, without saying from what."""

    async def save(self, model, path=""):
        try:
            return await super().save(model, path)
        except Exception:  # noqa: BLE001
            raise HTTPError(500, "Something went wrong") from None


class SavesInTasks(Rebuilds):
    """Saves together with something else."""

    async def save(self, model, path=""):
        async with asyncio.TaskGroup() as tasks:
            saving = tasks.create_task(super().save(model, path))
        return saving.result()


@pytest.mark.parametrize("wrapping", [WrapsErrors, HidesErrors, SavesInTasks])
@pytest.mark.parametrize("text", SIZES.values(), ids=SIZES.keys())
async def test_a_refusal_is_answered_as_what_it_is(bucket, contents, edit, jp_serverapp, monkeypatch, wrapping, text):
    _derived(wrapping)(jp_serverapp, monkeypatch)
    bucket.put_notebook("a.ipynb", "1")
    await contents.open("a.ipynb")
    bucket.put_notebook("a.ipynb", "theirs")
    answers = [await contents.save("a.ipynb", text)]
    for _ in range(100):  # A large save does not wait for its upload, so the next one is reported.
        if answers[-1].code != 200:
            break
        await asyncio.sleep(0.05)
        answers.append(await contents.save("a.ipynb", text))
    assert (answers[-1].code, answers[-1].reason) == (409, "remote-changed")
    assert (await contents.status("a.ipynb"))["message"] == answers[-1].message
    assert sources(json.loads((edit / "a.ipynb").read_bytes())) == [text]
    assert bucket.sources("a.ipynb") == ["theirs"]


async def test_an_error_that_is_no_refusal_stays_what_it_is(contents, jp_serverapp, monkeypatch):
    class Fails(TerraContentsManager):
        async def save(self, model, path=""):
            try:
                await self.get(path + ".config")
            except HTTPError:  # there is none
                raise HTTPError(500, "its own fault") from None

    _derived(Fails)(jp_serverapp, monkeypatch)
    answer = await contents.save("a.ipynb", "1")
    assert (answer.code, answer.message) == (500, "its own fault")
