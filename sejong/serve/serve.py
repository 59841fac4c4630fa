"""`sejong serve`: listen, say where, and leave nothing behind when stopped."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from rich.console import Console

from sejong.errors import Refused
from sejong.retrieval import open_index
from sejong.serve import endpoint, keys
from sejong.serve.answer import Answerer
from sejong.serve.engines.batching import Engine
from sejong.serve.gateway import app
from sejong.serve.run import open_run
from sejong.serve.text import Vocabulary

OWN_KEY = "this machine (endpoint.json)"
GRACE = 3  # seconds that answers under way have to end in when the service is stopped

console = Console(stderr=True, highlight=False, soft_wrap=True)


def serve(run: Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve a run until SIGINT or SIGTERM. `RUN/endpoint.json` tells url, key and pid while it listens.

    Raises:
        Refused: the run is not complete, is already being served, or the address cannot be listened on.
        Failed: the engine, the index or the keys cannot be opened, or the run's folder not be written to.
    """
    folder = open_run(run)
    with endpoint.sole(run), closing(keys.open_keys(run)) as store:
        _clear(run, store)
        with _listen(host, port) as listening, Engine(folder.engine) as engine:
            index = open_index(folder.index)
            index.search(folder.model)  # a first search loads the segmenter's model, which no one should have to wait for
            answerer = Answerer(engine, Vocabulary(folder.engine), index, folder.words)
            settings = uvicorn.Config(
                app(folder, answerer, store),
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=GRACE,
                lifespan="off",
            )
            server = uvicorn.Server(settings)
            with _signals(server):
                where = endpoint.Endpoint(_url(listening), store.create(OWN_KEY), os.getpid())
                try:
                    asyncio.run(_run(server, listening, run, where))
                finally:
                    store.forget(where.key)
                    endpoint.remove(run)


def _clear(run: Path, store: keys.Keys) -> None:
    """Take away what a service that was killed left: its key, which would be valid for ever, and the file that tells it."""
    if dead := endpoint.left(run):
        store.forget(dead.key)
    endpoint.remove(run)


@contextmanager
def _signals(server: uvicorn.Server) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP (a terminal that closes) end the program in the ordinary way, so that everything is closed.

    While the server runs, uvicorn handles the first two itself and raises them again when it has stopped; that changes nothing.
    """

    def end(number: int, _: FrameType | None) -> None:
        server.should_exit = True
        if not server.started:
            raise SystemExit(128 + number)

    # `nohup` has SIGHUP ignored, and means it.
    wanted = [one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]
    previous = {one: signal.signal(one, end) for one in wanted}
    try:
        yield
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)


async def _run(server: uvicorn.Server, listening: socket.socket, run: Path, where: endpoint.Endpoint) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    try:
        if server.started:
            endpoint.write(run, where)
            console.print(f"Portal: {where.url}/#key={where.key}", markup=False)
            console.print(f"API:    {where.url}/v1   key: {where.key}", markup=False)
            console.print("Stop with Ctrl-C.", markup=False)
    except BaseException:
        server.should_exit = True
        raise
    finally:
        await serving


def _listen(host: str, port: int) -> socket.socket:
    """A socket that is bound and listens; port 0 takes a free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(128)
        except OSError:
            found.close()
            raise
    except (OSError, OverflowError) as error:
        raise Refused(
            f"port {port} of {host} cannot be listened on ({error}): choose another with --port, or --port 0"
        ) from error
    return found


def _url(listening: socket.socket) -> str:
    """The address to open in a browser on this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
