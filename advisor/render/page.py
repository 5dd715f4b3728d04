"""A page of terminal text: wrapped prose, aligned tables, SQL that is never broken in the wrong place."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from advisor.render.clean import is_exact, one_line, visible
from advisor.render.phrases import plural
from advisor.render.sqltext import preview

DEFAULT_WIDTH = 80
# Narrower cannot hold the tables, wider is hard to read.
_NARROWEST, _WIDEST = 60, 120
# Longer scripts belong into a file: --format sql.
SQL_LINES = 30
_INEXACT = "-- holds control characters: take this one from --format sql"


class Page:
    """Collects lines. Nothing printed through it can send a control sequence to the terminal."""

    def __init__(self, *, color: bool, width: int | None) -> None:
        self.width = min(max(width or DEFAULT_WIDTH, _NARROWEST), _WIDEST)
        self._out = io.StringIO()
        self._console = Console(
            file=self._out,
            width=self.width,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
            _environ={},
        )

    def text(self) -> str:
        """Return the page, one line break at its end."""
        return self._out.getvalue().rstrip("\n") + "\n"

    def blank(self) -> None:
        self._emit(Text())

    def heading(self, title: str, note: str = "") -> None:
        """A section's first line: the title, a note, a rule to the margin."""
        self.blank()
        line = Text().append(title.upper(), style="bold")
        if note:
            line.append(f"  {one_line(note, self.width - cell_len(title) - 4)}", style="dim")
        rest = self.width - line.cell_len - 1
        if rest > 2:
            line.append(" " + "─" * rest, style="dim")
        self._emit(line)

    def prose(self, text: str, indent: int = 0, style: str = "", hang: int | None = None) -> None:
        """Wrapped prose; lines after the first are indented by `hang`."""
        self.rich(Text(one_line(text), style=style), indent, hang)

    def rich(self, text: Text, indent: int = 0, hang: int | None = None) -> None:
        """Wrapped prose with styles of its own; the caller has cleaned the text."""
        hang = indent if hang is None else hang
        rest = text
        first = True
        while True:
            margin = indent if first else hang
            lines = list(rest.wrap(self._console, self.width - margin, overflow="fold"))
            if not lines:
                return
            if not first or margin == hang:
                for line in lines:
                    self._line(line, margin)
                return
            self._line(lines[0], margin)
            used = len(lines[0].plain)
            rest = rest[used:]
            while rest.plain[:1] == " ":
                rest = rest[1:]
            if not rest.plain:
                return
            first = False

    def labelled(self, label: str, text: str, indent: int, style: str = "", label_width: int = 7) -> None:
        """'why    …' with the text aligned behind the label; nothing without a text."""
        if text:
            line = Text().append(f"{label:<{label_width}}", style="dim")
            line.append(one_line(text), style=style)
            self.rich(line, indent, indent + label_width)

    def sql(self, statements: Sequence[str], indent: int, lines: int = SQL_LINES) -> None:
        """SQL ready to paste: broken only where blanks have no meaning; whole statements, as many as fit in `lines`."""
        prefix = " " * indent
        laid_out, left_out = preview(statements, self.width, prefix, lines)
        if not is_exact(laid_out):
            self._emit(Text(prefix + _INEXACT, style="yellow"))
        if laid_out:
            for line in visible(laid_out).split("\n"):
                self._emit(Text(line, style="cyan"))
        if left_out:
            self._emit(Text(f"{prefix}-- {plural(left_out, 'statement')} more: --format sql has all", style="dim"))

    def row(self, cells: Sequence[tuple[str, int, str]], indent: int = 2) -> None:
        """One line of a table: (text, width, style); a negative width aligns right, 0 takes the rest of the line."""
        line = Text(" " * indent)
        for text, width, style in cells:
            flat = one_line(text)
            room = abs(width) or self.width - line.cell_len
            if cell_len(flat) > room:
                flat = set_cell_size(flat, room - 1).rstrip() + "…"
            padding = " " * (room - cell_len(flat)) if width else ""
            line.append(padding + flat if width < 0 else flat + padding, style=style)
            if width:
                line.append("  ")
        line.rstrip()
        self._emit(line)

    def _line(self, line: Text, indent: int) -> None:
        line.rstrip()
        self._emit(Text(" " * indent) + line)

    def _emit(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)
