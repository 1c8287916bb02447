"""The llama.cpp server as a supervised child process on 127.0.0.1."""

import asyncio
import os
import secrets
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil
import structlog
from pydantic import SecretStr

from naryad.i18n import _
from naryad.llm.failure import Failure

log = structlog.get_logger()

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
"""What the child sees of our environment. Not the rest: it holds secrets, and the server reads its own settings
from variables as common as HOST, PORT and MODEL."""
_PASSED_PREFIXES = ("CUDA_", "GGML_", "HIP_", "OMP_", "ROCR_", "VK_")
_LONGEST_PAUSE_S = 60.0


class LocalServer:
    """One `python -m llama_cpp.server` for one model file, started at first need and again when it died.

    Args:
        model: The GGUF file.
        log_file: Where the server's output goes.
        context: Tokens that prompt and answer may have together.
        start_s: Longest wait for the model to be loaded.
        embedding: Whether it gives vectors instead of words.
    """

    def __init__(
        self, model: Path, *, log_file: Path, context: int = 8192, start_s: float = 180, embedding: bool = False
    ) -> None:
        self.context, self._vectors = context, embedding
        self._model, self._log_file, self._start_s = model, log_file, start_s
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._deaths = 0
        self._not_before = 0.0
        self.url = ""
        self.key = SecretStr("")

    @property
    def pid(self) -> int | None:
        """The running child's process id."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def hint(self) -> str:
        """What keeps it from being started; empty when nothing does."""
        if not find_spec("llama_cpp"):
            return _("llama.cpp is not installed: pip install 'naryad[local]'")
        if not self._model.is_file():
            return _("there is no model file {path}").format(path=self._model)
        return ""

    async def ready(self) -> None:
        """Return when the server answers; start it where it does not run.

        Raises:
            Failure: It cannot be started, or died a moment ago.
        """
        async with self._starting:
            if self.pid:
                return
            if self._process:
                self._note_death()
            if hint := self.hint():
                raise Failure(hint, retry=False, counts=False)
            if (pause := self._not_before - time.monotonic()) > 0:
                raise Failure(f"died {self._deaths} times; restarts in {pause:.0f} s", retry=False, counts=False)
            await self._start()

    def worked(self) -> None:
        """The server has answered a request: its past deaths no longer slow its restart."""
        self._deaths = 0

    async def end_if_stuck(self, patience_s: float) -> None:
        """Kill a server whose event loop gives no answer; one that is only busy computing answers this at once."""
        try:
            async with self._client(patience_s) as client:
                await client.get("openapi.json")
        except httpx.HTTPError:
            log.warning("llm.local.stuck", pid=self.pid)
            await self._end(grace_s=0)

    async def count(self, text: str) -> int:
        """Tokens of a text, by the model's own tokenizer."""
        async with self._client(timeout_s=30) as client:
            answer = await client.post("extras/tokenize/count", json={"input": text})
        return int(answer.raise_for_status().json()["count"])

    async def close(self) -> None:
        """End the child."""
        async with self._starting:
            await self._end(grace_s=5)
            self._process = None

    async def _start(self) -> None:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        port, key = _free_port(), secrets.token_urlsafe(24)
        started = time.monotonic()
        with self._log_file.open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(port),
                env=_environment(key),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.url, self.key = f"http://127.0.0.1:{port}/v1", SecretStr(key)
        try:
            await self._answering()
        except BaseException:
            await self._end(grace_s=0)
            raise
        log.info("llm.local.started", pid=self.pid, seconds=round(time.monotonic() - started, 1))

    async def _answering(self) -> None:
        deadline = time.monotonic() + self._start_s
        async with self._client(timeout_s=5) as client:
            while time.monotonic() < deadline:
                if self.pid is None:
                    self._note_death()
                    raise Failure(f"did not start; see {self._log_file}", retry=False, counts=True)
                try:
                    if (await client.get("v1/models")).is_success:
                        return
                except httpx.HTTPError:
                    pass  # not listening yet
                await asyncio.sleep(0.2)
        raise Failure(f"was not ready after {self._start_s:.0f} s", retry=False, counts=True)

    def _client(self, timeout_s: float) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.key.get_secret_value()}"}
        base_url = self.url.removesuffix("v1")
        return httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=timeout_s)

    def _note_death(self) -> None:
        """The first restart is at once, each further one waits twice as long as the one before."""
        code = self._process.returncode if self._process else None
        self._process = None
        pause = min(_LONGEST_PAUSE_S, 2.0 ** (self._deaths - 1)) if self._deaths else 0.0
        self._deaths += 1
        self._not_before = time.monotonic() + pause
        log.warning("llm.local.died", code=code, deaths=self._deaths, pause_s=pause)

    async def _end(self, grace_s: float) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        if grace_s:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), grace_s)
                return
            except TimeoutError:
                log.warning("llm.local.killed", pid=process.pid)
        process.kill()
        await process.wait()

    def _command(self, port: int) -> list[str]:
        options = {
            "model": str(self._model),
            "model_alias": "local",
            "host": "127.0.0.1",
            "port": str(port),
            "n_ctx": str(self.context),
            "n_threads": str(psutil.cpu_count(logical=False) or os.cpu_count() or 1),
            # The server's default would end a running answer whenever another request comes in.
            "interrupt_requests": "false",
            # The default keeps the logits of every token of the context: gigabytes for a large vocabulary.
            "logits_all": "false",
            # A thinking model needs minutes on a CPU; templates that know no such switch ignore it.
            "chat_template_kwargs": '{"enable_thinking": false}',
            "embedding": str(self._vectors).lower(),
            "verbose": "false",
        }
        command = [sys.executable, "-m", "naryad.child", str(os.getpid()), "llama_cpp.server"]
        return command + [part for name, value in options.items() for part in (f"--{name}", value)]


def _environment(key: str) -> dict[str, str]:
    """The child's environment; the key goes here because command lines are public on a machine."""
    kept = {k: v for k, v in os.environ.items() if k in _PASSED_ON or k.startswith(_PASSED_PREFIXES)}
    return {**kept, "API_KEY": key}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
