"""The endpoints of the demo's server, which the notebook *Start here* calls.

``GET terra-env-demo/bucket``      the bucket's notebooks, and whether this person can reach it
``POST terra-env-demo/switch``     ``{"on": …}``: take the bucket away, or give it back
``POST terra-env-demo/line``       ``{"notebook": …, "line": …}``: change a notebook past its edit lock
``POST terra-env-demo/colleague``  start the colleague's JupyterLab, and open it in the browser
``GET terra-env-demo/colleague/open``  redirect to it
"""

import asyncio
import json
import webbrowser
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from jupyter_terra_env.cli.demo_bucket import DemoBucket
from jupyter_terra_env.cli.demo_colleague import Colleague
from jupyter_terra_env.cli.demo_data import COLLEAGUES_NOTEBOOK
from jupyter_terra_env.rules.errors import SettingsError

PATH = "terra-env-demo"
_CONTROL = "terra_env_demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the endpoints work on.

    Attributes:
        bucket: this person's connection to the bucket.
        colleague: the second person; None in the second person's own demo.
        with_browser: whether to open a browser.
    """

    bucket: DemoBucket
    colleague: Colleague | None
    with_browser: bool


def add_control(server: Any, control: Control) -> None:
    """Give a Jupyter server the endpoints.

    Args:
        server: the initialized server.
        control: what they work on.
    """
    server.web_app.settings[_CONTROL] = control
    server.web_app.add_handlers(
        ".*$", [(url_path_join(server.base_url, PATH, name), handler) for name, handler in _HANDLERS]
    )


class _Handler(APIHandler):
    @property
    def control(self) -> Control:
        control: Control = self.settings[_CONTROL]
        return control

    def fields(self) -> dict[str, Any]:
        body = self.get_json_body()
        return body if isinstance(body, dict) else {}

    def say(self, **fields: Any) -> None:
        self.finish(json.dumps(fields))

    def refuse(self, message: str) -> None:
        self.set_status(HTTPStatus.CONFLICT)
        self.say(message=message)


class _BucketHandler(_Handler):
    @web.authenticated
    async def get(self) -> None:
        notebooks = await asyncio.to_thread(self.control.bucket.notebooks)
        self.say(on=self.control.bucket.is_on, notebooks=[asdict(notebook) for notebook in notebooks])


class _SwitchHandler(_Handler):
    @web.authenticated
    async def post(self) -> None:
        bucket = self.control.bucket
        try:
            await asyncio.to_thread(bucket.switch_on if self.fields().get("on") else bucket.switch_off)
        except OSError as error:
            self.refuse(f"The bucket cannot be switched on ({error.strerror}). End the demo and start it again.")
            return
        self.say(on=bucket.is_on)


class _LineHandler(_Handler):
    @web.authenticated
    async def post(self) -> None:
        fields = self.fields()
        notebook = str(fields.get("notebook", ""))
        try:
            await asyncio.to_thread(self.control.bucket.add_line, notebook, str(fields.get("line", "")))
        except (OSError, ValueError, LookupError, TypeError):
            self.refuse(f"{notebook} is no longer in the workspace, or was being written at the same moment.")
            return
        self.say(notebook=notebook)


class _ColleagueHandler(_Handler):
    @web.authenticated
    async def post(self) -> None:
        colleague = self.control.colleague
        if colleague is None:
            self.refuse("This is a second person's JupyterLab already. Run this cell in the first one.")
            return
        try:
            address = await colleague.address(COLLEAGUES_NOTEBOOK)
        except SettingsError as error:
            self.refuse(str(error))
            return
        opened = self.control.with_browser and await asyncio.to_thread(webbrowser.open, address, 2)
        self.say(opened=bool(opened))


class _GoToColleagueHandler(JupyterHandler):
    """The link in the notebook's output; it contains no token, so that none is saved with the notebook."""

    @web.authenticated
    async def get(self) -> None:
        control: Control = self.settings[_CONTROL]
        if control.colleague is None:
            raise web.HTTPError(404)
        try:
            self.redirect(await control.colleague.address(COLLEAGUES_NOTEBOOK))
        except SettingsError as error:
            raise web.HTTPError(503, str(error)) from error


_HANDLERS = (
    ("bucket", _BucketHandler),
    ("switch", _SwitchHandler),
    ("line", _LineHandler),
    ("colleague", _ColleagueHandler),
    ("colleague/open", _GoToColleagueHandler),
)
