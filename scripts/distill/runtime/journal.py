"""A file of rows that were paid for, appended one by one, so that a killed program goes on where it was.

A journal is a file of JSON lines `{"key": [...], "row": ...}`, with `"cost": ...` between them where a row cost
money. Every line goes to the system whole as it comes, so a killed process loses at most the line it was writing; only
a crash of the machine may lose more (nothing is synced per row). The key comes first: a journal of gigabytes is
indexed without parsing or holding its rows, which are read back one by one.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill.runtime.errors import InputError

Key = tuple[str | int, ...]

# Rows pass through a journal: raise it when what is read back may differ; it is all that the code hash sees of here.
FORMAT = 1

_HEAD = b'{"key": '
# No JSON string can hold it, because a quote in a string is escaped; so its first place is where the key has ended.
_ROW = b', "row": '
_BUFFER_BYTES = 1 << 20


class Journal:
    """Rows on disk by key; of several rows of one key the last counts. May be used by several threads.

    A torn last line, left by a kill, is cut off when the journal is opened; a line that is no entry is passed over.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._lock = path, threading.Lock()
        self._places: dict[Key, tuple[int, int]] = {}  # offset and length of the line
        self.cost = 0.0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        self._end = self._index()
        os.ftruncate(self._file, self._end)

    def _index(self) -> int:
        """Note where each row stands; return where the last whole line ends."""
        offset = bad = 0
        with open(self._path, "rb", buffering=_BUFFER_BYTES) as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                head = _head(line)
                if head is None:
                    bad += 1
                else:
                    self._places[tuple(head["key"])] = offset, len(line)
                    self.cost += head.get("cost", 0.0)
                offset += len(line)
        if bad:
            logging.info("%s: %d lines are no entries and are passed over", self._path, bad)
        return offset

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[Key]:
        return iter(self._places)

    def __getitem__(self, key: Key) -> Any:
        """Read a row back from the disk. Raises KeyError for an unknown key, InputError for a spoilt line."""
        offset, length = self._places[key]
        line = os.pread(self._file, length, offset)
        try:
            return json.loads(line)["row"]
        except ValueError:
            raise InputError(f"{self._path}: byte {offset}: the line is spoilt; remove it or the file") from None

    def add(self, key: Key, row: Any, cost: float = 0.0) -> None:
        """Keep a row (plain data) and what it cost in US dollars."""
        paid = f', "cost": {cost!r}' if cost else ""
        text = f'{{"key": {json.dumps(key, ensure_ascii=False)}{paid}, "row": {json.dumps(row, ensure_ascii=False)}}}\n'
        line = text.encode("utf-8", "surrogatepass")
        with self._lock:
            try:
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
            except BaseException:
                os.ftruncate(self._file, self._end)  # a full disk must not tear a line in the middle of the file
                raise
            self._places[tuple(key)] = self._end, len(line)
            self._end += len(line)
            self.cost += cost

    def drop(self, key: Key) -> None:
        """Forget a row, as if it had never come; its line stays in the file, and its cost was paid."""
        self._places.pop(key, None)

    def close(self) -> None:
        """Close the file; the rows stay on the disk."""
        os.close(self._file)


def _head(line: bytes) -> dict[str, Any] | None:
    """Return what stands before the row of a line, None where it is no entry."""
    at = line.find(_ROW)
    if at < 0 or not line.startswith(_HEAD) or not line.endswith(b"}\n"):
        return None
    try:
        head = json.loads(line[:at] + b"}")
    except ValueError:
        return None
    return head if isinstance(head["key"], list) else None
