"""A small terminal: enough of one to see what a person would see."""

from __future__ import annotations

import re

_PIECES = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b([^\[])|([\n\r])|([^\x1b\n\r]+)|(\x1b)")


class Screen:
    """Rows of text and a cursor; knows line feed, carriage return, cursor up, erasing a row; drops colours."""

    def __init__(self, height: int = 24) -> None:
        self.height = height
        self.rows: list[str] = [""]
        self.row = self.column = 0
        self.unknown: list[str] = []

    def write(self, text: str) -> None:
        for piece in _PIECES.finditer(text):
            number, command, other, move, words, bare = piece.groups()
            if command == "m":
                continue
            if command == "A":
                top = max(0, len(self.rows) - self.height)
                self.row = max(top, self.row - int(number or 1))
            elif command == "K" and number == "2":
                self.rows[self.row] = ""
            elif command or other or bare:
                self.unknown.append(piece[0])
            elif move == "\n":
                self.row += 1
                self.column = 0
                if self.row == len(self.rows):
                    self.rows.append("")
            elif move == "\r":
                self.column = 0
            else:
                row = self.rows[self.row]
                self.rows[self.row] = row[: self.column].ljust(self.column) + words + row[self.column + len(words) :]
                self.column += len(words)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows)
