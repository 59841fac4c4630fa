"""Progress of a long step: a bar with rate and time left on a terminal, plain lines elsewhere; always on standard error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False, soft_wrap=True)

PLAIN_LINE_EVERY = 10.0  # seconds between plain lines


@dataclass
class Bar:
    """One running step. `advance` counts work done; keyword figures are shown beside the bar."""

    title: str
    total: float | None
    unit: str
    done: float = 0.0
    started: float = field(default_factory=time.monotonic)
    shown: float = field(default_factory=time.monotonic)
    progress: Progress | None = None
    quiet_start: float = 0.0

    def advance(self, amount: float = 1.0, **figures: float | str) -> None:
        """Count `amount` more units done."""
        self.done += amount
        now = time.monotonic()
        if self.progress is not None:
            self.progress.update(self.progress.task_ids[0], completed=self.done, note=self._note(now, figures))
        elif now - self.shown >= PLAIN_LINE_EVERY:
            self.shown = now
            share = f" {100 * self.done / self.total:3.0f}%" if self.total else ""
            console.print(f"  {self.title}{share} {self._note(now, figures)}", markup=False)

    def skip(self, amount: float) -> None:
        """Count `amount` units that an earlier, killed run had done: they do not enter the rate."""
        self.done += amount
        self.quiet_start += amount

    def _note(self, now: float, figures: dict[str, float | str]) -> str:
        seconds = max(now - self.started, 1e-9)
        parts = [f"{(self.done - self.quiet_start) / seconds:,.0f} {self.unit}/s"]
        parts += [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in figures.items()]
        return "  ".join(parts)


@contextmanager
def progress(title: str, total: float | None = None, unit: str = "documents") -> Iterator[Bar]:
    """Show a step's progress while the block runs."""
    bar = Bar(title, total, unit)
    if not console.is_terminal:
        yield bar
        return
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        shown.add_task(title, total=total, note="")
        bar.progress = shown
        yield bar
