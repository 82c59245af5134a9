"""The inside of a contender's process: a task a line as JSON comes in, is done once, and its seconds go out.

Every contender has an environment of its own, so this needs nothing but Python.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LONG = 0.05
"""Seconds from which on a task may have left much behind, which is then cleared before the next one."""


def serve(tasks: Mapping[str, Callable[..., object]]) -> None:
    """Answer until there are no more lines. What the tasks print goes to stderr, not between the answers."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = measured(tasks[asked["task"]], asked["options"])
        except BaseException:  # noqa: BLE001 (told to the one who asked)
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def measured(task: Callable[..., object], options: Mapping[str, object]) -> dict[str, object]:
    """The seconds of one call, the memory it took at its height, and the size of what it gave."""
    forget_height()
    before = memory("VmRSS")
    start = time.perf_counter()
    value = task(**options)
    seconds = time.perf_counter() - start
    answer = {"seconds": seconds, "peak_bytes": memory("VmHWM") - before, **size(value)}
    del value
    if seconds > LONG:
        gc.collect()
    return answer


def size(value: Any) -> dict[str, object]:
    """Rows and bytes of a frame or an Arrow table; of others the value itself."""
    if hasattr(value, "memory_usage"):
        return {"value": len(value), "value_bytes": int(value.memory_usage(deep=True).sum())}
    if hasattr(value, "num_rows"):
        return {"value": value.num_rows, "value_bytes": value.nbytes}
    return {"value": value, "value_bytes": 0}


def forget_height() -> None:
    """Let VmHWM begin anew: what came before a task was not its doing."""
    marks = Path("/proc/self/clear_refs")
    if marks.exists():
        marks.write_text("5")


def memory(what: str) -> int:
    """Bytes in memory now (VmRSS), or at most since the process began (VmHWM), as Linux counts; elsewhere 0.

    Not getrusage: what it calls the process's most is its parent's too.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    [kilobytes] = [line.split()[1] for line in status.read_text().splitlines() if line.startswith(what + ":")]
    return int(kilobytes) * 1024
