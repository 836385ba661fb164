"""Objects that no client of ours makes: names, metadata and formats from elsewhere; the rest of the bucket works."""

import json
import time

import pytest
from workspace_kit import WORKSPACE, notebook, text_of

ODD_METADATA = {
    "an owner that is no hash": {"lastLockedBy": "nobody", "lockExpiresAt": "SOON"},
    "an owner with newlines": {"lastLockedBy": "a\nb\r\n\x1b[2J\u202e", "lockExpiresAt": "SOON"},
    "a long owner": {"lastLockedBy": "f" * 6000, "lockExpiresAt": "SOON"},
    "an empty owner": {"lastLockedBy": "", "lockExpiresAt": "SOON"},
    "a gigantic expiry": {"lastLockedBy": "f" * 64, "lockExpiresAt": "9" * 18},
    "an expiry of 5,000 digits": {"lastLockedBy": "f" * 64, "lockExpiresAt": "9" * 5000},
    "a negative expiry": {"lastLockedBy": "f" * 64, "lockExpiresAt": "-1"},
    "an expiry that is no number": {"lastLockedBy": "f" * 64, "lockExpiresAt": "soon"},
    "an expiry of other digits": {"lastLockedBy": "f" * 64, "lockExpiresAt": "١٢٣٤"},
    "an expiry that is not finite": {"lastLockedBy": "f" * 64, "lockExpiresAt": "1e400"},
    "no expiry": {"lastLockedBy": "f" * 64},
    "no owner": {"lockExpiresAt": "SOON"},
    "keys with newlines": {"a\nb": "x", "\x1b[2J": "y", "\u202e": "z"},
    "keys of ours": {"terraEnvironment": "x@y", "terra-env-attempt": "x", "terraEnvAttempt": "\n"},
    "many keys": {f"k{number}": "v" * 20 for number in range(200)},
    "keys of Python": {"__class__": "x", "__proto__": "y", "constructor": "z"},
}
ODD_NAMES = [
    "notebooks//a.ipynb",
    "notebooks/../a.ipynb",
    "notebooks/./a.ipynb",
    "notebooks/x//a.ipynb",
    "notebooks/x/../a.ipynb",
    "notebooks/x/..",
    "notebooks/..",
    "notebooks/.",
    "notebooks//",
    "notebooks/",
    "notebooks/folder/",
    "notebooks/a.ipynb/",
    "notebooks/a.ipynb/b.ipynb",
    "notebooks/.hidden.ipynb",
    "notebooks/.terra-env-1.2-x.ipynb",
    "notebooks/.jupyter-terra-env/journal.sqlite3",
    "notebooks/.jupyter-terra-env/a.ipynb",
    "notebooks/.ipynb_checkpoints/a-checkpoint.ipynb",
    "notebooks/.delocalize.json",
    "notebooks/\u202egnp.ipynb",
    "notebooks/\x9b31m.ipynb",
    "notebooks/\x1b[2J.ipynb",
    "notebooks/tab\t.ipynb",
    "notebooks/ .ipynb",
    "notebooks/.ipynb",
    "notebooks/a .ipynb ",
    "notebooks/\u00e9.ipynb",
    "notebooks/e\u0301.ipynb",
    "notebooks/" + "x" * 300 + ".ipynb",
    "notebooks/" + "é" * 125 + ".ipynb",
    "notebooks/" + "d/" * 400 + "a.ipynb",
    "notebooks/%2e%2e%2fa.ipynb",
    "notebooks/..%2fa.ipynb",
    "notebooks/..\\a.ipynb",
    "notebooks/C:\\a.ipynb",
    "notebooks/a?b#c.ipynb",
    "notebooks/-rf.ipynb",
    "notebooks/$(x).ipynb",
    "notebooks/a (my edits).ipynb",
    "notebooks/CON.ipynb",
    "notebooks/\ufeffbom.ipynb",
    "notebooks/\U0001f4a9.ipynb",
]


def soon():
    return str(int((time.time() + 120) * 1000))


@pytest.mark.parametrize("metadata", ODD_METADATA.values(), ids=ODD_METADATA)
async def test_metadata_of_others(bucket, contents, api, jp_serverapp, metadata):
    metadata = {key: soon() if value == "SOON" else value for key, value in metadata.items()}
    bucket.put_notebook("a.ipynb", "1", metadata=metadata)
    bucket.put_notebook("well.ipynb", "1")
    path = f"{WORKSPACE}/edit/a.ipynb"
    assert (await contents.list()).names == ["a.ipynb", "well.ipynb"]
    assert (await contents.open("well.ipynb")).code == 200
    opened = await contents.open("a.ipynb")
    assert opened.code == 200, opened.body
    for ask in ("status", "whereabouts", "removal", "preview", "conflict"):
        answer = await api("GET", ask, base="terra-env", path=path)
        assert answer.code < 500, (ask, answer.body)
    for action in ("acquire", "take-over", "release"):
        answer = await api("POST", "lock", base="terra-env", body={"path": path, "action": action})
        assert answer.code in {200, 409, 423}, (action, answer.body)
    saved = await contents.save("a.ipynb", "2")
    assert saved.code in {200, 409, 423}, saved.body
    assert (await api("POST", "flush", base="terra-env", body={"deadline_seconds": 2})).code == 200
    assert (await contents.rename("a.ipynb", "b.ipynb")).code in {200, 409, 423}
    assert (await contents.save("well.ipynb", "2")).code == 200
    assert bucket.sources("well.ipynb") == ["2"]


async def test_names_of_others(bucket, contents, api, jp_serverapp, jp_root_dir):
    outside = sorted(path for path in jp_root_dir.iterdir())
    for name in ODD_NAMES:
        bucket.put(name, text_of(notebook("1")))
    bucket.put_notebook("well.ipynb", "1")
    listed = await contents.list()
    assert listed.code == 200
    assert "well.ipynb" in listed.names
    for entry in listed.model["content"]:
        assert entry["path"] == f"{WORKSPACE}/edit/{entry['name']}"
        assert "/" not in entry["name"]
        assert entry["name"] not in {"", ".", ".."}
    for name in ODD_NAMES:
        relative = name.removeprefix("notebooks/")
        for folder in ("edit", "playground"):
            opened = await contents.open(relative, folder=folder, hash=0)
            assert opened.code < 500, (name, opened.body)
            assert (await contents.list(relative, folder=folder)).code < 500
        path = f"{WORKSPACE}/edit/{relative}"
        for ask in ("status", "whereabouts", "removal", "preview", "conflict"):
            assert (await api("GET", ask, base="terra-env", path=path)).code < 500, (ask, name)
        assert (await contents.save(relative, "2")).code < 500, name
        assert (await contents.rename(relative, "well.ipynb")).code in {400, 403, 404, 409}, name
        assert (await contents.delete(relative)).code < 500, name
    assert sorted(path for path in jp_root_dir.iterdir()) == outside
    assert (await contents.open("well.ipynb")).code == 200
    assert bucket.sources("well.ipynb") == ["1"]
    assert (await api("POST", "flush", base="terra-env", body={"deadline_seconds": 2})).code == 200


OLD = {"name": "x", "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}}
OLD_CODE = {"cell_type": "code", "language": "python", "input": "1", "outputs": [], "metadata": {}}
ODD_FORMATS = {
    "version 1": {"nbformat": 1, "cells": [{"cell_type": "code", "code": "1"}]},
    "version 2": {"nbformat": 2, "metadata": {}, "worksheets": [{"cells": [OLD_CODE]}]},
    "version 3": {**OLD, "worksheets": [{"cells": [OLD_CODE]}]},
    "version 3 of no worksheets": {**OLD, "worksheets": []},
    "version 3 of no cells": {**OLD, "worksheets": [{}]},
    "version 3 of other cells": {**OLD, "worksheets": [{"cells": [{}, {"cell_type": "code"}]}]},
    "version 3 of other outputs": {
        **OLD,
        "worksheets": [{"cells": [{**OLD_CODE, "outputs": [{}, 3, {"output_type": "pyout"}]}]}],
    },
    "version 3 of other worksheets": {**OLD, "worksheets": {"cells": []}},
    "version 3 with a number": {**OLD, "worksheets": 3},
    "version 0": {"nbformat": 0},
    "version -1": {"nbformat": -1, "cells": []},
    "version 5": {**notebook("1"), "nbformat": 5},
    "version 10**30": {**notebook("1"), "nbformat": 10**30},
    "version as float": {**notebook("1"), "nbformat": 4.0},
    "version true": {**notebook("1"), "nbformat": True},
    "minor as text": {**notebook("1"), "nbformat_minor": "5"},
    "minor -1": {**notebook("1"), "nbformat_minor": -1},
    "minor 10**30": {**notebook("1"), "nbformat_minor": 10**30},
    "minor none": {**notebook("1"), "nbformat_minor": None},
    "orig_nbformat": {**notebook("1"), "metadata": {"orig_nbformat": []}},
    "signature": {**notebook("1"), "metadata": {"signature": 3, "kernelspec": [], "language_info": "x"}},
    "kernel name": {**notebook("1"), "metadata": {"kernelspec": {"name": {"a": []}, "display_name": 3}}},
    "surplus": {**notebook("1"), "__class__": "x", "worksheets": [1]},
    "cell ids": {
        **notebook("1"),
        "cells": [{**notebook("1")["cells"][0], "id": ident} for ident in ("", 3, "x" * 999)],
    },
    "trust": {**notebook("1"), "cells": [{**notebook("1")["cells"][0], "metadata": {"trusted": "yes"}}]},
    "cells nested": {**notebook("1"), "cells": [notebook("1")]},
}


@pytest.mark.parametrize("document", ODD_FORMATS.values(), ids=ODD_FORMATS)
async def test_formats_of_others(bucket, contents, api, jp_serverapp, edit, document):
    bucket.put("notebooks/a.ipynb", json.dumps(document))
    bucket.put_notebook("well.ipynb", "1")
    path = f"{WORKSPACE}/edit/a.ipynb"
    opened = await contents.open("a.ipynb")
    assert opened.code in {200, 400}, opened.body
    assert (await contents.open("a.ipynb", folder="playground")).code in {200, 400}
    assert (await api("GET", "preview", base="terra-env", path=path)).code in {200, 409}
    assert (await api("GET", "html", path, base="nbconvert")).code in {200, 400}
    assert (await contents.new(copy_from=path)).code in {201, 400}
    if opened.code == 200:
        model = {"type": "notebook", "format": "json", "content": opened.model["content"]}
        assert (await contents.put("a.ipynb", model)).code in {200, 400}
    bucket.put("notebooks/a.ipynb", json.dumps(document) + " ")
    await contents.save("a.ipynb", "mine")
    answer = await api("GET", "conflict", base="terra-env", path=path)
    assert answer.code in {200, 400, 404, 409}, answer.body
    answer = await api("POST", "resolve", base="terra-env", body={"path": path, "action": "keep-both"})
    assert answer.code in {200, 400, 404, 409}, answer.body
    before = bucket.get("a.ipynb").content
    (edit / "a.ipynb").write_text(json.dumps(document))
    assert (await api("POST", "flush", base="terra-env", body={"deadline_seconds": 3})).code == 200
    if opened.code == 400:
        # What Jupyter cannot open does not become the team's (P10).
        assert bucket.get("a.ipynb").content == before
        assert (await contents.status("a.ipynb"))["place"] in {"on-disk", "conflict"}
    assert (await contents.open("well.ipynb")).code == 200


async def test_a_listing_of_many_odd_names(bucket, contents, jp_serverapp):
    for number in range(150):
        bucket.put(f"notebooks/{number:03}\u202e\x9b{'x' * 200}.ipynb", "x")
        bucket.put(f"notebooks/{number:03}//a.ipynb", "x")
    bucket.put_notebook("well.ipynb", "1")
    listed = await contents.list()
    assert listed.code == 200
    assert listed.names == [*(f"{number:03}" for number in range(150)), "well.ipynb"]


@pytest.mark.parametrize("folder", ["edit", "playground", ""])
@pytest.mark.parametrize("kind", ["notebook", "file"])
async def test_a_folder_is_no_place_to_save_to(bucket, contents, api, jp_serverapp, folder, kind):
    content = {"notebook": notebook("1"), "file": "text"}[kind]
    body = {"type": kind, "format": {"notebook": "json", "file": "text"}[kind], "content": content}
    answer = await api("PUT", "contents", f"{WORKSPACE}/{folder}".strip("/"), body=body)
    assert answer.code in {400, 409} or not folder, answer.body
    assert bucket.names() == []
