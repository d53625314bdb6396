"""Telling: what a supervised process says in shared memory, so that its end can be told for it."""

import json
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

SIZE = 1 << 24
"""Bytes of shared memory: a time, four numbers, what is being loaded, and what is to be said."""
UNCOUNTED = -1
_HEAD = struct.Struct("dqqqq1024s")
_COUNT, _LENGTH, _FINISHED, _HEEDED, _LOADING = 8, 16, 24, 32, 40


@dataclass(frozen=True, kw_only=True)
class End:
    """How a child ended that could not give the verdict itself.

    Attributes:
        words: What it had told.
        visited: How many cases had been visited; None where they are not counted.
        calling: Whether the candidate was being called.
        how: How it came to its end, in words; "" if it hung, and was ended from outside.
        stack: Where in the code it was; "" where that is not known.
    """

    words: dict[str, Any]
    visited: int | None
    calling: bool
    how: str
    stack: str

    @property
    def cases(self) -> int:
        """How many cases there were, with the one that was not finished."""
        return (self.visited or 0) + self.calling

    def message(self, timeout: float) -> str:
        """Return what happened in a sentence, with the seconds that a call might have taken."""
        place = "" if self.visited is None else f", {'in' if self.calling else 'after'} case "
        place += str(self.cases) if place else ""
        if not self.how:
            return (
                f"the candidate did not return within {timeout:g} s{place}, and had to be ended "
                "from outside: it keeps Python's lock"
            )
        if self.calling:
            return f"the candidate ended the process{self.how}{place}"
        return f"the process ended between calls of the candidate{self.how}{place}"


@dataclass(frozen=True)
class Told:
    """What the child tells its parent."""

    memory: mmap.mmap

    def until(self, deadline: float) -> None:
        """Tell until when a call should be back; 0 when it is."""
        struct.pack_into("d", self.memory, 0, deadline)

    def case(self, number: int) -> None:
        """Tell how many cases have been visited."""
        struct.pack_into("q", self.memory, _COUNT, number)

    def loading(self, what: str) -> None:
        """Tell what is being loaded; "" when it is."""
        struct.pack_into("1024s", self.memory, _LOADING, what.encode("utf-8", "backslashreplace"))

    def heed(self) -> None:
        """Tell that an interrupt was heard of, and what was found out is being written."""
        struct.pack_into("q", self.memory, _HEEDED, 1)

    def finish(self) -> None:
        """Tell that all has been said."""
        struct.pack_into("q", self.memory, _FINISHED, 1)

    def counting(self, visited: Callable[[], None]) -> Callable[[], None]:
        """Return what is to be called after each case of a run, counting from none."""
        numbers = count(1)
        self.case(0)

        def visit() -> None:
            self.case(next(numbers))
            visited()

        return visit

    def words(self, values: dict[str, Any]) -> None:
        """Tell what there is to be said so far; what is too much for the memory is not told.

        Cases are counted anew, if at all.
        """
        self.case(UNCOUNTED)
        text = json.dumps(values).encode()
        if len(text) <= SIZE - _HEAD.size:
            struct.pack_into("q", self.memory, _LENGTH, 0)  # half of a text is none
            self.memory[_HEAD.size : _HEAD.size + len(text)] = text
            struct.pack_into("q", self.memory, _LENGTH, len(text))

    @property
    def heard(self) -> tuple[float, int]:
        """Until when a call should be back, 0 for none, and how many cases there were."""
        deadline, case, *_ = _HEAD.unpack_from(self.memory)
        return deadline, case

    @property
    def has_finished(self) -> bool:
        """Whether all has been said."""
        return bool(_HEAD.unpack_from(self.memory)[3])

    @property
    def has_heeded(self) -> bool:
        """Whether an interrupt was heard of."""
        return bool(_HEAD.unpack_from(self.memory)[4])

    @property
    def loaded(self) -> str:
        """What is being loaded."""
        text: bytes = _HEAD.unpack_from(self.memory)[5]
        return text.rstrip(b"\0").decode("utf-8", "replace")

    @property
    def said(self) -> dict[str, Any]:
        """What there was to be said."""
        length = _HEAD.unpack_from(self.memory)[2]
        said: dict[str, Any] = json.loads(self.memory[_HEAD.size : _HEAD.size + length] or b"{}")
        return said

    def end(self, how: str, stack: str) -> End:
        """Return how the process ended that told this."""
        deadline, case = self.heard
        visited = None if case == UNCOUNTED else case
        return End(words=self.said, visited=visited, calling=deadline > 0, how=how, stack=stack)
