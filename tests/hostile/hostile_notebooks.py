"""Notebooks that mean no good, made here: each is what a colleague or a cloned repository could bring."""

import gzip
import json
import zlib

HOST = "elsewhere.invalid"
"""Whatever a browser asks of it was not cleaned."""
ATTACK = "attack()"

MARKUP = f"""
<b>shown</b><script>{ATTACK}</script><script src="https://{HOST}/1.js"></script><img src=x onerror={ATTACK}>
<iframe src="https://{HOST}/2"></iframe><object data="https://{HOST}/3"></object><embed src="https://{HOST}/4">
<link rel=preconnect href="https://{HOST}"><link rel=dns-prefetch href="//{HOST}">
<link rel=stylesheet href="//{HOST}/5"><link rel=prefetch href="https://{HOST}/6"><meta http-equiv=refresh content="0;url=https://{HOST}/7">
<base href="https://{HOST}/"><form action="https://{HOST}/8"><input name=a><button>send</button></form>
<style>@import url(https://{HOST}/9.css); body {{ background: url(https://{HOST}/10) }}</style>
<p style="background: url(https://{HOST}/11)">p</p><a href="javascript:{ATTACK}">l</a>
<a href=" java&#10;script:{ATTACK}">l</a><a href="data:text/html,<script>{ATTACK}</script>">l</a>
<svg onload={ATTACK}><script>{ATTACK}</script><image href="https://{HOST}/12"/></svg>
<math><mtext></mtext><mglyph><style><!--</style><img title="--><img src=1 onerror={ATTACK}>"></mglyph></math>
<noscript><p title="</noscript><img src=x onerror={ATTACK}>"></noscript><table background="https://{HOST}/13"></table>
<img src="https://{HOST}/14.png"><img srcset="https://{HOST}/15.png 1x"><video poster="https://{HOST}/16"></video>
<audio src="https://{HOST}/17"></audio><input type=image src="https://{HOST}/18"><body onload={ATTACK}>
<p onclick="{ATTACK}">p</p><template><script>{ATTACK}</script></template></div></div></main></body><xmp>
"""


# Not by nbformat, which would check them.


def markdown(source, **more):
    return {"cell_type": "markdown", "id": "m", "metadata": {}, "source": source, **more}


def code(source, *outputs, **more):
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "source": source, "outputs": list(outputs)}
    return {**cell, "execution_count": None, **more}


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(data, metadata=None):
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}}


def text_of(*cells, **metadata):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}).encode()


def acting():
    """Script in every kind of output, and wherever else markup or a name can be."""
    escape = f'"><script>{ATTACK}</script><img src=https://{HOST}/name onerror={ATTACK}>'
    image = {"width": escape, "height": escape, "unconfined": escape, "needs_background": escape}
    bundles = [
        {"text/html": MARKUP},
        {"text/markdown": f"{MARKUP}\n\n[l](javascript:{ATTACK}) ![i](https://{HOST}/20.png)"},
        {"text/latex": f"${MARKUP}$"},
        {"text/plain": MARKUP},
        {"image/svg+xml": f'<svg onload="{ATTACK}"><script>{ATTACK}</script><image href="https://{HOST}/21"/></svg>'},
        {"application/javascript": f"fetch('https://{HOST}/22'); {ATTACK}"},
        {"application/vnd.jupyter.widget-view+json": {"model_id": escape}, "text/plain": "widget"},
        {"text/vnd.mermaid": f"graph TD; a[{MARKUP}] --> b"},
        {"image/png": escape},
        {"image/jpeg": escape},
    ]
    outputs = [shown(bundle) for bundle in bundles]
    outputs.append(shown({"image/png": "AAAA"}, {"image/png": image, "filenames": {"image/png": escape}}))
    outputs.append(shown({"image/svg+xml": "<svg/>"}, {"filenames": {"image/svg+xml": escape}}))
    outputs.append(stream(f"\x1b[31m{MARKUP}\x1b[38;2;1;2;3mgreen"))
    outputs.append({"output_type": "error", "ename": escape, "evalue": escape, "traceback": [MARKUP]})
    tagged = code(MARKUP, *outputs, metadata={"tags": [escape], "name": escape})
    source = (
        f"# {MARKUP}\n\n[l](javascript:{ATTACK}) ![i](https://{HOST}/23.png)\n\n```mermaid\n{MARKUP}\n```\n\n${MARKUP}$"
    )
    attached = markdown(source + "\n\n![a](attachment:a)", attachments={"a": {"image/png": escape}})
    raw = markdown(MARKUP, cell_type="raw", metadata={"raw_mimetype": "text/html", "format": "text/html"})
    return text_of(
        attached,
        tagged,
        raw,
        markdown("the last cell"),
        title=f"</title>{MARKUP}",
        widgets={"application/vnd.jupyter.widget-state+json": {"state": {"a": MARKUP}}},
        language_info={"name": escape, "pygments_lexer": escape},
        kernelspec={"name": "python3", "display_name": MARKUP},
        celltoolbar=MARKUP,
    )


def latex(times):
    """Takes time that grows with the square of its length, in one regular expression."""
    return text_of(
        markdown("the first cell"),
        markdown("\\begin{a}" * times),
        markdown("the last cell"),
    )


def latex_everywhere(times, cells):
    return text_of(*(markdown("\\begin{a}" * times) for _ in range(cells)))


def tags(times):
    """A check against the schema takes time that grows with the square of their number."""
    cell = code("1", metadata={"tags": [{"tag": number} for number in range(times)]})
    return text_of(cell, markdown("the last cell"))


def alike(cells, word):
    """Merging takes time that grows with the square of their number, or more."""
    return text_of(*(code(f"{word} {'x y ' * 60}{number}", id=f"{word}-{number}") for number in range(cells)))


def bomb(unpacked_bytes):
    """A gzip of a notebook whose metadata is long and shrinks to nearly nothing, made without holding it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(b'{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": {"a": "')]
    pieces += [packer.compress(b" " * (1 << 20)) for _ in range(unpacked_bytes >> 20)]
    return b"".join([*pieces, packer.compress(b'"}}'), packer.flush()])


def deep(levels):
    return (
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {"a": ' + b"[" * levels + b"]" * levels + b'}, "cells": []}'
    )


def packed(content):
    return gzip.compress(content)


def _odd(**changes):
    return json.dumps({**json.loads(text_of(code("1"), markdown("the last cell"))), **changes}).encode()


def _odd_code(**changes):
    return text_of({**code("the code", stream("the output")), **changes}, markdown("the last cell"))


def _odd_output(**changes):
    output = {**shown({"text/plain": "the output"}), **changes}
    return text_of(code("the code", output), markdown("the last cell"))


ODD = {
    "an attachment is missing": text_of(markdown("a ![i](attachment:gone.png) b"), markdown("the last cell")),
    "no widgets": _odd(metadata={"widgets": None}),
    "widgets as text": _odd(metadata={"widgets": "x"}),
    "widget state as list": _odd(metadata={"widgets": {"application/vnd.jupyter.widget-state+json": []}}),
    "no metadata": _odd(metadata=None),
    "title as list": _odd(metadata={"title": [1]}),
    "language as list": _odd(metadata={"language_info": ["python"]}),
    "lexer as number": _odd(metadata={"language_info": {"name": "python", "pygments_lexer": 3}}),
    "lexer that is none": _odd(metadata={"language_info": {"name": "no such language"}}),
    "count as text": _odd_code(execution_count="one"),
    "count as fraction": _odd_code(execution_count=1.5),
    "count below nothing": _odd_code(execution_count=-3),
    "no outputs": _odd_code(outputs=None),
    "outputs as text": _odd_code(outputs="x"),
    "outputs of nothing": _odd_code(outputs=[None, 1, {}, []]),
    "output of no type": _odd_output(output_type="hologram"),
    "output type as list": _odd_output(output_type=["x"]),
    "no data": _odd_output(data=None),
    "data as text": _odd_output(data="x"),
    "data as numbers": _odd_output(data={"text/plain": 3, "text/html": None}),
    "lines with numbers": _odd_output(data={"text/plain": ["a", 1]}),
    "image as object": _odd_output(data={"image/png": {"a": 1}}),
    "output metadata as list": _odd_output(metadata=[1]),
    "image metadata as text": _odd_output(data={"image/png": "AAAA"}, metadata={"image/png": "wide"}),
    "source as number": _odd_code(source=3),
    "no source": _odd_code(source=None),
    "source as lines": _odd_code(source=["the ", "code"]),
    "cell metadata as list": _odd_code(metadata=[]),
    "tags as text": _odd_code(metadata={"tags": "x"}),
    "tags as objects": _odd_code(metadata={"tags": [{}, {}]}),
    "cell of no type": _odd_code(cell_type="slide"),
    "cells that are none": _odd(cells=[None, 1, "x", [], markdown("the last cell")]),
    "attachments as list": text_of(
        {"cell_type": "markdown", "metadata": {}, "source": "a", "attachments": [1]}, markdown("the last cell")
    ),
    "attachment as text": text_of(
        {"cell_type": "markdown", "metadata": {}, "source": "![a](attachment:a)", "attachments": {"a": "x"}},
        markdown("the last cell"),
    ),
    "attachment of nothing": text_of(
        {"cell_type": "markdown", "metadata": {}, "source": "![a](attachment:a)", "attachments": {"a": {}}},
        markdown("the last cell"),
    ),
    "error without traceback": text_of(
        code("1", {"output_type": "error", "ename": "E", "evalue": "v", "traceback": None}),
        markdown("the last cell"),
    ),
    "stream of no text": text_of(
        code("1", stream(3)),
        markdown("the last cell"),
    ),
    "half a surrogate pair": _odd_code(source="\ud800"),
    "no numbers": json.dumps({**json.loads(_odd()), "metadata": {"a": float("nan")}}).encode(),
    "minor version as text": _odd(nbformat_minor="five"),
    "minor version from the future": _odd(nbformat_minor=99),
    "keys too many": _odd_code(surplus=1),
}
"""What JupyterLab opens although it does not follow the format; each ends with "the last cell"."""
NO_CELLS = {"no cells": _odd(cells=None), "cells as object": _odd(cells={"a": 1})}
