"""Previews of notebooks that mean no good: nothing acts, nothing is loaded from elsewhere, nothing stands still."""

import asyncio
import re
from urllib.parse import quote

import hostile_notebooks as corpus
import pytest
from clean_pages import require_clean
from workspace_kit import WORKSPACE, parts_of

from jupyter_terra_env.notebooks.preview import pages, rendering
from jupyter_terra_env.notebooks.preview.markup import cleaned
from jupyter_terra_env.server.preview_headers import policy_within


@pytest.fixture
def preview(api, jp_serverapp):
    async def ask(name="a.ipynb", folder="edit"):
        return await api("GET", "preview", base="terra-env", path=f"{WORKSPACE}/{folder}/{name}")

    return ask


@pytest.fixture
def previewed(bucket, preview):
    async def ask(content):
        bucket.put("notebooks/a.ipynb", content)
        answer = await preview()
        assert answer.code == 200, answer.body
        return answer.body.decode()

    return ask


def body_of(page):
    return page.partition("<main>")[2].partition("</main>")[0]


async def test_nothing_in_it_acts_or_is_loaded_from_elsewhere(previewed):
    page = await previewed(corpus.acting())
    assert "<b>shown</b>" in page
    assert "the last cell" in page
    require_clean(page, elsewhere=corpus.HOST)


async def test_what_needs_a_program_is_named_on_the_page(previewed):
    page = await previewed(corpus.acting())
    notes = page[page.index("jp-terra-notes") :].partition("</div>")[0]
    for what in ("an interactive widget", "JavaScript", "a Mermaid diagram"):
        assert what in notes
    assert "Open the notebook" in notes


async def test_what_lies_in_the_working_directory_is_never_used(bucket, preview, tmp_path, monkeypatch):
    sign, cloned = tmp_path / "it ran", tmp_path / "cloned"
    for template in ("lab/index.html.j2", "lab/base.html.j2", "base/null.j2", "base/display_priority.j2"):
        (cloned / template).parent.mkdir(parents=True, exist_ok=True)
        (cloned / template).write_text(f"{{{{ cycler.__init__.__globals__.os.mkdir('{sign}') }}}}")
    for module in ("nbconvert", "jinja2", "nh3", "mistune", "sitecustomize", "usercustomize"):
        (cloned / f"{module}.py").write_text(f"import os; os.mkdir({str(sign)!r})")
    (cloned / "lab" / "conf.json").write_text("{]")
    (cloned / "nbconvert").mkdir()
    (cloned / "nbconvert" / "templates").symlink_to(cloned)
    monkeypatch.chdir(cloned)
    for variable in ("JUPYTER_PATH", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "PYTHONPATH", "HOME"):
        monkeypatch.setenv(variable, str(cloned))
    bucket.put_notebook("a.ipynb", "print('hello')")
    answer = await preview()
    assert answer.code == 200
    assert "hello" in answer.body.decode()
    assert not sign.exists()


def rendered(content):
    return body_of(rendering.rendered(content, "a", skip={}, at_cell=lambda _: None))


@pytest.mark.parametrize("content", corpus.ODD.values(), ids=corpus.ODD)
def test_odd_notebooks_are_shown(content):
    assert "the last cell" in rendered(content)


async def test_odd_notebooks_are_shown_by_a_server(previewed):
    for name, content in corpus.ODD.items():
        assert "the last cell" in body_of(await previewed(content)), name


@pytest.mark.parametrize("content", corpus.NO_CELLS.values(), ids=corpus.NO_CELLS)
def test_a_notebook_without_cells_says_so(content):
    assert "The list of its cells" in rendered(content)


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ("an attachment is missing", "missing attachment: gone.png"),
        ("count as text", "Cell 1: its execution count"),
        ("output of no type", "Cell 1: an output of no known type"),
        ("source as number", "Cell 1: its text"),
        ("cell of no type", "Cell 1: it is of no known type"),
        ("data as numbers", "Cell 1: an output as text/html, text/plain"),
    ],
)
def test_what_cannot_be_shown_is_named(odd, named):
    assert named in rendered(corpus.ODD[odd])


@pytest.fixture
def little_time(monkeypatch):
    """Children are ended soon, and by the same limit on every machine."""
    limits = pages.LIMITS
    monkeypatch.setattr(
        pages,
        "LIMITS",
        type(limits)(
            cpu_seconds=2, wall_seconds=100.0, memory_bytes=limits.memory_bytes, output_bytes=limits.output_bytes
        ),
    )


async def test_a_cell_that_a_child_died_of_is_shown_as_text_and_named(previewed, little_time, jp_serverapp):
    page = body_of(await previewed(corpus.latex(40_000)))
    assert "Cell 2 is shown as plain text, without its outputs: it takes more processor time" in page
    assert "the first cell" in page
    assert "the last cell" in page


async def test_when_nothing_can_be_shown_the_page_says_why_and_what_to_do(previewed, little_time):
    page = body_of(await previewed(corpus.latex_everywhere(40_000, 5)))
    assert "a.ipynb is not shown: it takes more processor time than this server allows" in page
    assert "open the notebook" in page


async def test_what_takes_too_much_memory_is_ended(previewed, monkeypatch):
    limits = pages.LIMITS
    monkeypatch.setattr(
        pages,
        "LIMITS",
        type(limits)(cpu_seconds=30, wall_seconds=100.0, memory_bytes=20 << 20, output_bytes=limits.output_bytes),
    )
    page = await previewed(corpus.text_of(corpus.markdown("<p>" * 2_000_000)))
    assert "not shown" in page or "plain text" in page


async def test_many_cells_are_shown_or_named(previewed):
    cells = [corpus.code(f"print({number})") for number in range(10_000)]
    page = body_of(await previewed(corpus.text_of(*cells)))
    shown = page.count("jp-Notebook-cell")
    assert shown == 10_000 or f"Cells {shown + 1} to 10000" in page


@pytest.mark.parametrize("levels", [500, 5_000, 500_000])
async def test_deep_json_is_shown_or_refused(bucket, preview, levels):
    bucket.put("notebooks/a.ipynb", corpus.deep(levels))
    answer = await preview()
    assert answer.code == 200 or (answer.code, answer.reason) == (409, "no-preview")


async def test_a_compressed_object_is_not_unpacked_beyond_what_is_shown(bucket, preview, jp_serverapp):
    blob = bucket.client.bucket(bucket.name).blob("notebooks/a.ipynb")
    blob.content_encoding = "gzip"
    blob.upload_from_string(corpus.bomb(60 << 20))
    answer = await preview()
    assert (answer.code, answer.reason) == (409, "no-preview")


async def test_a_page_of_the_server_says_where_it_may_be_framed(bucket, jp_fetch, jp_serverapp):
    jp_serverapp.web_app.settings["headers"] = {
        "content-security-policy": "default-src *; frame-ancestors 'self' https://app.example.org; script-src *"
    }
    bucket.put_notebook("a.ipynb", "1")
    answer = await jp_fetch("terra-env", "preview", params={"path": f"{WORKSPACE}/edit/a.ipynb"})
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("; frame-ancestors 'self' https://app.example.org")
    assert policy.startswith("sandbox; default-src 'none'; ")
    assert "script-src" not in policy
    assert answer.headers["X-DNS-Prefetch-Control"] == "off"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("headers", "ending"),
    [
        ({}, "; frame-ancestors 'self'"),
        (None, "; frame-ancestors 'self'"),
        ({"Content-Security-Policy": "default-src *"}, "; frame-ancestors 'self'"),
        ({"Content-Security-Policy": "frame-ancestors *"}, "; frame-ancestors *"),
        ({"Content-Security-Policy": "frame-ancestors"}, "; frame-ancestors"),
        ({"Content-Security-Policy": "frame-ancestors\n 'none' ; sandbox"}, "; frame-ancestors 'none'"),
        ({"Content-Security-Policy": "frame-ancestors a, frame-ancestors b"}, "; frame-ancestors a, frame-ancestors b"),
    ],
)
def test_the_frames_that_an_operator_allows(headers, ending):
    assert policy_within(headers).endswith(ending)
    assert "\n" not in policy_within(headers)


@pytest.mark.parametrize(
    ("markup", "clean"),
    [
        ("<b>a</b>", "<b>a</b>"),
        ("<div><p>open", "<div><p>open</p></div>"),
        ("</div></main>shut", "shut"),
        ('<span style="color: rgb(1,2,3)">a</span>', '<span style="color: rgb(1,2,3)">a</span>'),
        ('<span style="color: rgb(1,2,3);position:fixed">a</span>', "<span>a</span>"),
        ('<p style="color: red">a</p>', "<p>a</p>"),
        ("<a href='//elsewhere.invalid'>a</a>", '<a rel="noopener noreferrer nofollow">a</a>'),
        ('<img src="data:text/html,x">', '<img alt="No description has been provided for this image">'),
    ],
)
def test_markup_is_cleaned(markup, clean):
    assert cleaned(markup) == clean


async def test_mathematics_and_colours_are_kept(previewed):
    stream = corpus.stream("\x1b[31mred\x1b[0m \x1b[38;2;1;2;3mown")
    cells = [corpus.markdown("$a_1 < b_2$ and $$c^2$$"), corpus.code("1", stream)]
    page = body_of(await previewed(corpus.text_of(*cells)))
    assert "$a_1 &lt; b_2$" in page
    assert "$$c^2$$" in page
    assert '<span class="ansi-red-fg">red</span>' in page
    assert re.search(r'<span style="color: rgb\(1, ?2, ?3\)">own</span>', page)


async def test_an_old_notebook_is_shown(previewed):
    old = b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": ['
    old += b'{"cell_type": "code",'
    old += b'"input": "the code", "language": "python", "outputs": [], "collapsed": false, "prompt_number": 1}]}]}'
    assert "code" in body_of(await previewed(old))


async def test_a_preview_that_no_one_waits_for_is_given_up(bucket, jp_serverapp, preview, contents):
    bucket.put_notebook("a.ipynb", "1")
    assert (await preview()).code == 200
    cage = parts_of(jp_serverapp).cage
    bucket.put("notebooks/long.ipynb", corpus.latex(40_000))
    reader, writer = await asyncio.open_connection("127.0.0.1", jp_serverapp.port)
    path = f"{jp_serverapp.base_url}terra-env/preview?path={quote(f'{WORKSPACE}/edit/long.ipynb')}"
    token = jp_serverapp.identity_provider.token
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token {token}\r\n\r\n".encode())
    await writer.drain()
    async with asyncio.timeout(30):
        while not cage._jobs["previews"]:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)
        writer.close()
        while cage._jobs["previews"]:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)
    assert reader.at_eof() or not await reader.read(1)


async def test_saves_go_on_while_previews_are_at_their_limit(bucket, contents, jp_serverapp, preview):
    """They have processes of their own: a save waits for none of them."""
    bucket.put_notebook("mine.ipynb", "1")
    await contents.open("mine.ipynb")
    bucket.put("notebooks/a.ipynb", corpus.latex_everywhere(40_000, 4))
    previews = [asyncio.create_task(preview()) for _ in range(4)]
    cage = parts_of(jp_serverapp).cage
    async with asyncio.timeout(60):
        while cage._jobs["previews"] < 4:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)
    for number in range(3):
        assert (await contents.save("mine.ipynb", f"{number}")).code == 200
    assert not any(task.done() for task in previews)
    for task in previews:
        task.cancel()
    await asyncio.gather(*previews, return_exceptions=True)


async def test_exports_use_no_templates_of_the_working_directory(bucket, contents, jp_fetch, tmp_path, monkeypatch):
    sign, cloned = tmp_path / "it ran", tmp_path / "cloned"
    for template in ("lab/index.html.j2", "base/display_priority.j2"):
        (cloned / template).parent.mkdir(parents=True, exist_ok=True)
        (cloned / template).write_text(f"{{{{ cycler.__init__.__globals__.os.mkdir('{sign}') }}}}")
    monkeypatch.chdir(cloned)
    bucket.put_notebook("a.ipynb", "print('hello')")
    await contents.open("a.ipynb")
    answer = await jp_fetch("nbconvert", "html", WORKSPACE, "edit", "a.ipynb")
    assert "hello" in answer.body.decode()
    assert not sign.exists()
