"""A server that the workflow starts, as an engine asks it: requests wait while it is started again.

Who asks it first starts it; it stands in a folder `serving/` beside the model's manifest, one for each way of serving
it, and leaves when nobody needs it (`distill.runtime.supervisor`).
"""

import atexit
import os
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.config.recipes import ServeRecipe
from distill.models.folders import model_digest
from distill.responses.endpoint import Body, BrokenError, Endpoint, Limits, Refusal
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
PROPS_SECONDS = 5.0
# What a request leaves out where the recipe has 0 for it, and llama.cpp then takes its own default of.
LEFT_OUT = ("top_k", "min_p")


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

    def version(self) -> str:
        """Return what `Endpoint` does, or the build that llama.cpp's server states."""
        return super().version() or str(self._props().get("build_info", ""))

    def ask_all(self, bodies: Sequence[Body]) -> Iterator[tuple[int, Reply | Refusal]]:
        """Yield what `Endpoint` does. Raises InputError for a server that would sample otherwise than the recipe."""
        self._check_defaults(bodies)
        return super().ask_all(bodies)

    def _check_defaults(self, bodies: Sequence[Body]) -> None:
        """Raise InputError where llama.cpp would cut tokens off that the recipe does not."""
        if not any(body.get("temperature") for body in bodies):
            return
        own: dict[str, float] = {}
        with suppress(LookupError, TypeError, AttributeError):
            own = self._props()["default_generation_settings"]["params"]
        said = {name for body in bodies for name in body}
        cut = [name for name in LEFT_OUT if name not in said and _is_above_zero(own.get(name))]
        if cut:
            found = " and ".join(f"{name} {own[name]:.3g}" for name in cut)
            flags = " ".join(f"--{name.replace('_', '-')} 0" for name in cut)
            raise InputError(
                f"the server samples with {found} of its own, where the decoding has none; give its command `{flags}`, "
                "or the decoding what is meant"
            )

    def _props(self) -> dict[str, Any]:
        """Return what llama.cpp's server says of itself at `/props`; nothing of another."""
        import httpx2

        with suppress(httpx2.TransportError, ValueError):
            said = httpx2.get(f"{self._url.removesuffix('/v1')}/props", timeout=PROPS_SECONDS).json()
            return said if isinstance(said, dict) else {}
        return {}

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


def _is_above_zero(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0
