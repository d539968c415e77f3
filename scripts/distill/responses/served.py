"""A server that the workflow starts, as an engine asks it: requests wait while it is started again.

Who asks it first starts it; it stands in a folder `serving/` beside the model's manifest, one for each way of serving
it, and leaves when nobody needs it (`distill.runtime.supervisor`).
"""

import atexit
import os
import socket
import sys
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.config.recipes import ServeRecipe
from distill.models.folders import model_digest
from distill.responses.endpoint import Body, BrokenError, Endpoint, Limits
from distill.responses.launching import name_of
from distill.responses.replies import Reply
from distill.runtime.errors import InputError
from distill.runtime.files import text_digest
from distill.runtime.presence import facts_of
from distill.runtime.serving import POLL_SECONDS, Address, Server

if TYPE_CHECKING:
    import httpx2

__all__ = ["ServedEndpoint", "name_of", "server_of"]

SCRIPTS = Path(__file__).resolve().parents[2]
FOLDER = "serving"
NOTICE_SECONDS = 5.0  # until who watches a server must have seen that it died
NO_KEY = "MIXDISTILL_NO_KEY"  # names no variable: a server of our own is sent no key


def server_of(model: Path, keys: ServeRecipe) -> Server:
    """Return the server of a model folder; this program asks it until it ends."""
    recipe = keys.model_dump_json()
    # On SLURM one serves all machines; elsewhere a machine has its own.
    here = "" if "sbatch" in facts_of(model / FOLDER / "wanted.json") else socket.gethostname()
    folder = model / FOLDER / text_digest(f"{recipe} {model_digest(model)} {here}")[:16]
    launch = [sys.executable, SCRIPTS / "serve.py", "--model", model, "--recipe", recipe, "--folder", folder]
    server = Server(folder, list(map(str, launch)))
    atexit.register(server.close)
    return server


class ServedEndpoint(Endpoint):
    """An endpoint whose server may die and come back, elsewhere too; a request that meets its death is sent again."""

    def __init__(self, server: Server, limits: Limits, read: Callable[[Any], Reply], extra: Collection[str] = ()):
        self._server = server
        super().__init__("", replace(limits, key_variable=NO_KEY), read, extra)
        self._move(server.wait())

    def models(self) -> dict[str, str]:
        """Return what `Endpoint` does; one that has just left or died is started again."""
        with suppress(InputError):
            return super().models()
        time.sleep(NOTICE_SECONDS)
        self._move(self._server.wait())
        return super().models()

    async def _post(self, client: "httpx2.AsyncClient", body: Body) -> Reply:
        while True:
            asked = self._address
            try:
                return await super()._post(client, body)
            except BrokenError:
                if not await self._is_back(asked):
                    raise

    async def _is_back(self, asked: Address) -> bool:
        """Wait for a server that died to be back; False where it is as well as when it was asked."""
        noticed = time.monotonic() + NOTICE_SECONDS
        while self._address == asked and not self._stopping.is_set():
            found = self._server.look()
            if found == asked and time.monotonic() > noticed:
                return False
            if found is not None and found != asked:
                self._move(found)
            else:
                await self._sleep(POLL_SECONDS)
        return True

    def _move(self, found: Address) -> None:
        """Ask a server at its new address, past the proxies of the site."""
        self._address, self._url = found, found.url
        host = found.url.split("/")[2].rsplit(":", 1)[0]
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, (os.environ.get("NO_PROXY"), host)))
