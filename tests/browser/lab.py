"""JupyterLab and Notebook as who sits before them uses them: cells, keys, buttons, and what can be seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import nbformat
from playwright.sync_api import FloatRect, Locator, Page, expect

PATIENCE = 30_000
"""Milliseconds for what a page or a cell is waited for: a hang is a failure."""

Theme = Literal["light", "dark"]
FrontEnd = Literal["JupyterLab", "Notebook"]
_NUMBER = re.compile(r"^\[\d+\]:$")


class Cell:
    """A code cell of an open notebook."""

    def __init__(self, place: Locator) -> None:
        self.place = place
        self.editor = place.get_by_role("textbox")
        self.output = place.locator(".jp-Cell-outputArea")
        self.error = self.output.locator('[data-mime-type="application/vnd.jupyter.stderr"]')
        """What it says in red: its error, and what was written to stderr."""

    def ended(self, patience: float = PATIENCE) -> Cell:
        """The cell, when it has run to its end."""
        expect(self.place.locator(".jp-InputPrompt").first).to_have_text(_NUMBER, timeout=patience)
        return self

    @property
    def code(self) -> str:
        """What is written in it."""
        return self.editor.inner_text()

    @property
    def shown(self) -> Sequence[Locator]:
        """Its outputs, one below the other."""
        return self.output.locator(".jp-OutputArea-output").all()

    @property
    def said(self) -> str:
        """What its output says."""
        return "\n".join(self.output.all_inner_texts())


def _around(*places: Locator) -> FloatRect:
    """The part of the page that these places take, all of which it has in sight."""
    places[-1].scroll_into_view_if_needed()
    boxes = [place.bounding_box() for place in (places[0], places[-1])]
    first, last = (box for box in boxes if box is not None)
    return {
        "x": first["x"],
        "y": first["y"],
        "width": first["width"],
        "height": last["y"] + last["height"] - first["y"],
    }


class Notebook:
    """A notebook that is open in a window of the browser, with its kernel."""

    def __init__(self, page: Page, address: str, pictures: Path) -> None:
        self.page = page
        self._pictures = pictures
        self._panel = page.get_by_role("main").locator(".jp-NotebookPanel")
        self._cells = self._panel.locator(".jp-CodeCell")
        self.offers = page.locator(".jp-Completer")
        """What Tab offers."""
        page.goto(address)
        self.rested()

    @staticmethod
    def file(path: Path) -> Path:
        """A notebook of one empty cell, written there."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [nbformat.v4.new_code_cell()]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
        return path

    def rested(self, patience: float = PATIENCE) -> None:
        """Wait until the kernel is there and has nothing to do."""
        # What both show beside the button is idle, too, before they ask for a kernel.
        of_lab = self.page.locator("#jp-main-statusbar").get_by_text("| Idle")
        of_notebook = self.page.locator(".jp-NotebookKernelStatus-fade:empty")  # says what is not so
        expect(of_lab.or_(of_notebook)).to_have_count(1, timeout=patience)

    @property
    def cells(self) -> Sequence[Cell]:
        """Its code cells, from top to bottom."""
        return [Cell(place) for place in self._cells.all()]

    def write(self, code: str) -> Cell:
        """A new cell at the end, with this text. The cursor is where a ``|`` stands in it, else at its end."""
        count = self._cells.count()
        self._cells.last.locator(".jp-InputPrompt").first.click()  # the cell, not its text: keys are commands
        self.page.keyboard.press("b")
        expect(self._cells).to_have_count(count + 1)
        cell = Cell(self._cells.nth(count))
        self.page.keyboard.press("Enter")
        expect(cell.editor).to_be_focused()
        before, _, after = code.partition("|")
        self.page.keyboard.insert_text(before + after)  # as pasted: nothing is indented or closed by itself
        for _ in after:
            self.page.keyboard.press("ArrowLeft")
        return cell

    def start(self, code: str) -> Cell:
        """A new cell at the end, which runs now."""
        cell = self.write(code)
        self.page.keyboard.press("Control+Enter")
        return cell

    def run(self, code: str) -> Cell:
        """A new cell at the end, which has run."""
        return self.start(code).ended()

    def run_all(self) -> None:
        """Run all cells, by the menu."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def stop(self) -> None:
        """Press the stop button."""
        self._panel.locator('[data-jp-item-name="interrupt"]').click()

    @contextmanager
    def theme(self, theme: Theme) -> Iterator[None]:
        """Inside of the block it has this theme; before and after it the light one."""
        self._set(theme)
        yield
        self._set("light")

    def _set(self, theme: Theme) -> None:
        self.page.emulate_media(color_scheme=theme)
        expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", str(theme == "light").lower())
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)  # hides the page while a theme loads

    def picture(self, name: str, *places: Locator) -> Path:
        """``build/browser/name.png``: what is to be seen from the first place to the last, or of the whole page."""
        self.page.mouse.move(0, 0)  # what it hovers over looks otherwise
        path = self._pictures / f"{name}.png"
        if len(places) == 1:
            places[0].screenshot(path=path)
        else:
            self.page.screenshot(path=path, clip=_around(*places) if places else None)
        return path
