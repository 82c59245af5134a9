"""A package under measurement, in a process of its own: it stays there, warm, and does one task when asked."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from timing import Measured

ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"


class TaskFailed(Exception):
    """A contender could not do its task; the message is its traceback."""


class Contender:
    """The process of one of the scripts in `peers/`: in a virtual environment of its own, or in the one of ours."""

    def __init__(self, script: str, *arguments: str, environment: str | None = None) -> None:
        self._script = script
        python = ROOT / environment / "bin" / "python" if environment else sys.executable
        command = [str(python), str(PEERS / script), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin
        assert self._process.stdout
        self._asked, self._answers = self._process.stdin, self._process.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let it finish, which it does when nothing more can come; after ten seconds end it."""
        with contextlib.suppress(BrokenPipeError):  # it has ended, and never read what was asked last
            self._asked.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def do(self, task: str, **options: object) -> Measured:
        """One task, measured in there; TaskFailed."""
        try:
            print(json.dumps({"task": task, "options": options}), file=self._asked, flush=True)
        except BrokenPipeError:
            raise TaskFailed(f"{self._script} has ended") from None
        line = self._answers.readline()
        if not line:
            raise TaskFailed(f"{self._script} has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise TaskFailed(f"{self._script}: {answer['error']}")
        return Measured(**answer)

    def task(self, task: str, **options: object) -> Callable[[], Measured]:
        """A function that does it, for `side_by_side`."""
        return lambda: self.do(task, **options)
