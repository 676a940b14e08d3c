"""When to save: after the browser has sent everything that was typed before the click.

A browser holds a field's text back while the kernel is busy with an earlier one, but never a click. So a click asks the browser
for an echo: a linked pair of hidden numbers. The echo comes after all that was held back, however long the kernel was busy;
only then is the text read.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import ipywidgets as widgets

Later = Callable[[float, Callable[[], None]], object]
#: Seconds between the click and the save at least.
PAUSE: Final = 0.4
#: Without an echo (the page was closed after the click): so many ticks in time, of so many seconds.
TICKS: Final = 10
TICK: Final = 0.5


def later(seconds: float, call: Callable[[], None]) -> object:
    """Call on the kernel's own loop."""
    return asyncio.get_running_loop().call_later(seconds, call)


class Fence:
    """Calls back when everything that was typed before has arrived."""

    def __init__(self, later: Later = later):
        self._later = later
        self._asked = widgets.IntText(0)
        self._heard = widgets.IntText(0)
        self._link = widgets.jsdlink((self._asked, "value"), (self._heard, "value"))
        self._waiting: dict[int, Callable[[], None]] = {}
        self._heard.observe(self._echoed, names="value")

    def then(self, call: Callable[[], None]) -> None:
        """Call once, after the echo and the pause; or after a while without an echo."""
        number = self._asked.value + 1
        self._waiting[number] = call
        self._asked.value = number
        self._watch(number, TICKS, time.monotonic())

    def _echoed(self, change: dict[str, int]) -> None:
        for number in sorted(number for number in self._waiting if number <= change["new"]):
            self._go(number)

    def _go(self, number: int) -> None:
        call = self._waiting.pop(number, None)
        if call is not None:
            self._later(PAUSE, call)

    def _watch(self, number: int, left: int, since: float) -> None:
        """Give the echo up after some ticks that came in time; a late one says that the kernel was busy with other things."""
        if number not in self._waiting:
            return
        if left == 0:
            self._go(number)
            return

        def tick() -> None:
            now = time.monotonic()
            in_time = now - since < 2 * TICK
            self._watch(number, left - 1 if in_time else TICKS, now)

        self._later(TICK, tick)
