"""The widgets of a kernel as the page of a front end has them: their models, and what is pressed and typed there."""

from __future__ import annotations

import json
import queue
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.kernels.driver import PATIENCE, Kernel


class Page:
    """What a kernel says of its widgets, from the beginning of the block on; in a subshell where it has some.

    JupyterLab does the same: it makes a subshell for all widgets, and sends there what is pressed.
    """

    def __init__(self, client: Any, *, subshells: bool) -> None:
        self._client = client
        self.models: dict[str, dict[str, Any]] = {}
        self.heard: list[str] = []
        """All that the kernel said, as JSON."""
        self.subshell: str | None = None
        if subshells and "kernel subshells" in self._asked("kernel_info_request").get("supported_features", ()):
            self.subshell = self._asked("create_subshell_request")["subshell_id"]

    def _asked(self, kind: str) -> dict[str, Any]:
        message = self._client.session.msg(kind)
        self._client.control_channel.send(message)
        reply: dict[str, Any] = self._client.get_control_msg(timeout=PATIENCE)["content"]
        return reply

    def until(self, ready: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """What ``ready()`` gives, once that is true; the models change meanwhile."""
        deadline = time.monotonic() + patience
        while not (found := ready()):
            try:
                self._take(self._client.get_iopub_msg(timeout=max(deadline - time.monotonic(), 0.01)))
            except queue.Empty:
                said = [
                    state[name] for state in self.models.values() for name in ("value", "description") if name in state
                ]
                raise AssertionError(f"the page stays as it is: {said}") from None
        return found

    def listen(self, seconds: float) -> None:
        """Hear what the kernel says for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self._take(self._client.get_iopub_msg(timeout=left))
            except queue.Empty:
                return

    def _take(self, message: dict[str, Any]) -> None:
        content = message["content"]
        self.heard.append(json.dumps(content, default=str))
        data = content.get("data", {})
        if message["msg_type"] == "comm_open":
            self.models[content["comm_id"]] = dict(data["state"])
        elif message["msg_type"] == "comm_msg" and content["comm_id"] in self.models and "state" in data:
            self.models[content["comm_id"]].update(data["state"])
        elif message["msg_type"] == "comm_close":
            self.models.pop(content["comm_id"], None)

    def find(self, model: str, **state: Any) -> str | None:
        """The id of the newest model of a kind with that state which a widget shows; None: there is none."""
        for identity, found in reversed(self.models.items()):
            fits = found["_model_name"] == model and all(found.get(name) == value for name, value in state.items())
            if fits and self._is_shown(identity):
                return identity
        return None

    def _is_shown(self, identity: str) -> bool:
        state = self.models[identity]
        if state["_view_count"] is not None:  # of a widget that is displayed itself
            return True
        boxes = [box for box, found in self.models.items() if f"IPY_MODEL_{identity}" in found.get("children", ())]
        return any(self._is_shown(box) for box in boxes)

    def shows(self, pattern: str) -> bool:
        """Whether a text on the page holds what the regular expression says."""
        return any(re.search(pattern, str(state.get("value", ""))) for state in self.models.values())

    def press(self, identity: str) -> None:
        """Click on a button."""
        self._say(identity, {"method": "custom", "content": {"event": "click"}})

    def change(self, identity: str, **state: Any) -> None:
        """Type or choose something: the page has it at once, and keeps it until the kernel says otherwise."""
        self.models[identity].update(state)
        self._say(identity, {"method": "update", "state": state, "buffer_paths": []})

    def _say(self, identity: str, data: dict[str, Any]) -> None:
        message = self._client.session.msg("comm_msg", {"comm_id": identity, "data": data})
        if self.subshell is not None:
            message["header"]["subshell_id"] = self.subshell
        self._client.shell_channel.send(message)


@contextmanager
def page_of(kernel: Kernel, *, subshells: bool = True) -> Iterator[Page]:
    """A page that is open for the time of the block."""
    client = kernel.page()
    try:
        yield Page(client, subshells=subshells)
    finally:
        client.stop_channels()
