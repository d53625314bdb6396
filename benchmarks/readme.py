"""README's tables: each stands between two lines that say whose it is."""

import re
from collections.abc import Mapping
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


class MissingMarkerError(Exception):
    """Raised where README has no place for a table."""


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Return README's text with new tables between their lines.

    Args:
        text: It, which has just one ``<!-- benchmarks: NAME -->`` for each table, and the line
            ``<!-- /benchmarks -->`` after it.
        blocks: Tables by name.

    Raises:
        MissingMarkerError: if there is no place for one, or more than one.
    """
    for name, block in blocks.items():
        before, after = place_of(text, name)
        text = f"{text[:before]}\n{block.strip()}\n\n{text[after:]}"
    return text


def place_of(text: str, name: str) -> tuple[int, int]:
    """Return where a table begins and ends: after its first line, before its last.

    Raises:
        MissingMarkerError: if there is no place for it, or more than one.
    """
    opening = f"<!-- benchmarks: {name} -->"
    found = list(re.finditer(rf"^{re.escape(opening)}$\n", text, re.MULTILINE))
    if len(found) != 1:
        message = f"README.md has {len(found)} lines {opening!r}, where it should have one"
        raise MissingMarkerError(message)
    rest = text[found[0].end() :]
    closing = re.search(r"^<!-- (?:/benchmarks|benchmarks: .*) -->$", rest, re.MULTILINE)
    if closing is None or closing[0] != "<!-- /benchmarks -->":
        message = f"README.md has no line '<!-- /benchmarks -->' after {opening!r}"
        raise MissingMarkerError(message)
    return found[0].end(), found[0].end() + closing.start()
