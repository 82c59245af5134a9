"""How well texts in a page stand out from what is behind them."""

from __future__ import annotations

from playwright.sync_api import Locator

READABLE = 4.5
"""What WCAG asks of small print."""

# The least contrast between a text and what is behind it, of all texts in an element (as WCAG defines it, which
# asks nothing of what cannot be pressed).
_LEAST = """
output => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const over = (colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const [colour, opacity] of colours) {
            canvas.globalAlpha = opacity; canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (colour) => {
        const [r, g, b] = colour.map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let least = [21, ""];
    const texts = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.textContent.trim();
        const holder = texts.currentNode.parentElement;
        if (!text || !holder.checkVisibility() || holder.closest(":disabled")) continue;
        const behind = []; let opacity = 1;
        for (let at = holder; at; at = at.parentElement) {
            behind.unshift([getComputedStyle(at).backgroundColor, 1]);
            opacity *= getComputedStyle(at).opacity;
        }
        const front = [...behind, [getComputedStyle(holder).color, opacity]];
        const [light, dark] = [luminance(over(front)), luminance(over(behind))].sort((a, b) => b - a);
        const contrast = (light + 0.05) / (dark + 0.05);
        if (contrast < least[0]) least = [contrast, text];
    }
    return least;
}
"""


def pale(place: Locator) -> tuple[float, str] | None:
    """The contrast of the text in it that stands out least, and that text; None: all can be read."""
    contrast, text = place.evaluate(_LEAST)
    return None if contrast >= READABLE else (contrast, text)
