"""A real Jupyter kernel, driven as a front end drives it: messages, SIGINT, restart, SIGKILL."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

PATIENCE = 30.0
"""Seconds for a cell, unless the test says otherwise: a hang is a failure."""

# What ipykernel 7 writes when a cell is interrupted by a shutdown that has closed the sockets already; a cell with
# nothing but time.sleep has it too.
_LATE_REPLY = re.compile(
    r"\[IPKernelApp\] ERROR \| Exception in message handler:\nTraceback .*\n"
    r"(?: {2}.*(?:ipykernel|jupyter_client|zmq).*\n(?: {4}.*\n)*)+zmq\.error\.ZMQError: .*\n"
)

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Outcome:
    """What a cell did: its reply and its outputs, in order."""

    status: str = ""
    error: str = ""
    """The name of the exception, empty without one."""
    message: str = ""
    traceback: str = ""
    """As text, without colours."""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def stdout(self) -> str:
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        return self._stream("stderr")

    @property
    def value(self) -> str:
        """The value of the cell as text, empty without one."""
        return "".join(output["data"]["text/plain"] for output in self.of("execute_result"))

    @property
    def displayed(self) -> list[str]:
        """What the cell displayed besides its value, as text."""
        return [output["data"]["text/plain"] for output in self.of("display_data")]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The outputs of one kind: ``stream``, ``display_data``, ``execute_result``, ``error``."""
        return [output for output in self.outputs if output["output_type"] == kind]

    def _stream(self, name: str) -> str:
        return "".join(output["text"] for output in self.of("stream") if output["name"] == name)


class Cell:
    """A cell that was sent to a kernel."""

    def __init__(self, client: BlockingKernelClient, code: str) -> None:
        self._client = client
        self._outcome = Outcome()
        self._begun = self._idle = False
        self._sent = time.monotonic()
        self._id = client.execute(code, allow_stdin=False)

    def until(self, text: str, patience: float = PATIENCE) -> None:
        """Wait until the cell has printed ``text``."""
        deadline = time.monotonic() + patience
        while text not in self._outcome.stdout:
            assert not self._idle, f"the cell ended without printing {text!r}: {self._outcome}"
            self._take(deadline)

    def until_begun(self, patience: float = PATIENCE) -> None:
        """Wait until the kernel has taken the cell."""
        deadline = time.monotonic() + patience
        while not self._begun:
            self._take(deadline)

    def outcome(self, patience: float = PATIENCE) -> Outcome:
        """Wait until the cell is over; what it did."""
        deadline = time.monotonic() + patience
        while not self._idle:
            self._take(deadline)
        while True:
            reply = self._client.get_shell_msg(timeout=max(deadline - time.monotonic(), 0.1))
            if reply["parent_header"].get("msg_id") == self._id:
                break
        content = reply["content"]
        self._outcome.status = content["status"]
        if content["status"] == "error":
            self._outcome.error = content["ename"]
            self._outcome.message = content["evalue"]
            self._outcome.traceback = _COLOURS.sub("", "\n".join(content["traceback"]))
        return self._outcome

    def _take(self, deadline: float) -> None:
        """The next message about this cell, into the outcome."""
        try:
            message = self._client.get_iopub_msg(timeout=max(deadline - time.monotonic(), 0.01))
        except queue.Empty:
            raise AssertionError(f"the kernel is silent; so far: {self._outcome}") from None
        if message["parent_header"].get("msg_id") != self._id:
            return
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            self._idle = True
            self._outcome.seconds = time.monotonic() - self._sent
        elif kind == "execute_input":
            self._begun = True
        elif kind in ("stream", "display_data", "execute_result", "error"):
            self._outcome.outputs.append({"output_type": kind, **content})


class Kernel:
    """A running kernel, whose process's own stderr goes to a file."""

    def __init__(self, folder: Path) -> None:
        self._stderr = folder / f"kernel-{time.monotonic_ns()}.stderr"
        # Sockets in the file system (their paths are short: 107 bytes at most): over TCP the kernel warns on stderr
        # that it is not encrypted.
        self._sockets = tempfile.TemporaryDirectory(prefix="dk-")
        self._manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{self._sockets.name}/s")
        # The interpreter of the tests, whatever kernels the machine has.
        self._manager.kernel_spec.argv[0] = sys.executable
        # SIGTERM comes after half of it: a busy machine must not be taken for a kernel that does not end.
        self._manager.shutdown_wait_time = 20.0
        self._open: BlockingKernelClient | None = None
        # Open as long as the kernel: a restart hands it to the next process.
        self._written = self._stderr.open("w")
        # Without pytest's variables: with them DuckDB's binding reports at exit what Python has not freed.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._manager.start_kernel(stderr=self._written, stdout=subprocess.DEVNULL, cwd=str(folder), env=environment)
        self._connect()

    def _connect(self) -> None:
        self._open = self._manager.client()
        self._open.start_channels()
        self._open.wait_for_ready(timeout=PATIENCE)
        # What a cell prints is told at once, not after 0.2 s: a test that waits for it sees the moment.
        # To its end, which an interrupt that comes at once would not find.
        self._open.execute_interactive("__import__('sys').stdout.flush_interval = 0", silent=True, timeout=PATIENCE)

    # --- cells ---

    def start(self, code: str) -> Cell:
        """Send a cell and do not wait for it."""
        assert self._open is not None
        return Cell(self._open, code)

    def run(self, code: str, patience: float = PATIENCE) -> Outcome:
        """Run a cell to its end, whatever that is."""
        return self.start(code).outcome(patience)

    def ok(self, code: str, patience: float = PATIENCE) -> Outcome:
        """Run a cell that must succeed."""
        outcome = self.run(code, patience)
        assert outcome.status == "ok", outcome.traceback or outcome.stderr
        return outcome

    def json(self, expression: str) -> Any:
        """The value of an expression in the kernel, which JSON can carry."""
        return self.json_of(f"import json; print(json.dumps({expression}))")

    def json_of(self, code: str) -> Any:
        """What a cell prints, as JSON."""
        return json.loads(self.ok(code).stdout)

    def complete(self, code: str, cursor: int | None = None) -> tuple[list[str], int, int]:
        """What Tab offers at the cursor (None: at the end), and the stretch of the code that it replaces."""
        assert self._open is not None
        reply = self._open.complete(code, cursor, reply=True, timeout=PATIENCE)["content"]
        assert reply["status"] == "ok", reply
        return reply["matches"], reply["cursor_start"], reply["cursor_end"]

    def page(self) -> BlockingKernelClient:
        """One more client of the kernel, which hears all that it says from now on; stop its channels at the end."""
        client = BlockingKernelClient(connection_file=self._manager.connection_file)
        client.load_connection_file()  # not the manager's own session: the kernel tells clients apart by it
        client.start_channels()
        client.wait_for_ready(timeout=PATIENCE)
        return client

    # --- what a front end's buttons do ---

    def interrupt(self) -> None:
        """The stop button: SIGINT to the process."""
        self._manager.interrupt_kernel()

    def restart(self) -> None:
        """The restart button: shutdown with its patience, then a new process."""
        self._disconnect()
        self._manager.restart_kernel()
        self._connect()

    def shutdown(self) -> float:
        """The shutdown button: an interrupt and a shutdown request; the seconds until the process was gone."""
        process = self.process
        begun = time.monotonic()
        self._manager.shutdown_kernel()
        process.wait(timeout=PATIENCE)
        seconds = time.monotonic() - begun
        self._disconnect()
        return seconds

    def kill(self) -> None:
        """``kill -9``."""
        process = self.process
        process.kill()
        process.wait(timeout=PATIENCE)

    # --- the process ---

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the kernel. Keep it to ask for its ``returncode`` when it is gone."""
        provisioner: Any = self._manager.provisioner
        process: subprocess.Popen[bytes] = provisioner.process
        return process

    @property
    def stderr(self) -> str:
        """What the process itself (not a cell) wrote to stderr."""
        return _LATE_REPLY.sub("", self._stderr.read_text())

    def busy(self, seconds: float = 0.3) -> float:
        """How many CPUs the process keeps busy: 0.0 when nothing runs in it."""
        return psutil.Process(self.process.pid).cpu_percent(interval=seconds) / 100

    # --- the end ---

    def _disconnect(self) -> None:
        if self._open is not None:
            self._open.stop_channels()
            self._open.context.term()
            self._open = None

    def close(self) -> None:
        """End the kernel, whatever its state."""
        if self._manager.is_alive():
            self._manager.shutdown_kernel(now=True)
        self._disconnect()
        self._written.close()
        with contextlib.suppress(RuntimeError):
            self._manager.cleanup_resources()
        self._sockets.cleanup()
