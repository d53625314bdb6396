"""Files that are written whole: what is there is the old or the new, whenever the process ends."""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file by way of a temporary one beside it, which then takes its place.

    Temporary files that ended processes have left behind for the same file go away.

    Args:
        path: Where to; the folder must exist. What a link leads to is replaced, not the link.
        content: All of it.

    Raises:
        OSError: if it cannot be written; what was there stays.
    """
    target = path.resolve()
    _clear(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:  # what is there is not followed, be it a link
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode)
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _clear(target: Path) -> None:
    """Remove what processes that no longer run have left behind of a file."""
    start = f".{target.name}."
    for left in target.parent.glob(f".{_literal(target.name)}.*"):
        process = left.name.removeprefix(start)
        if process.isdecimal() and not _runs(int(process)):
            with suppress(OSError):
                left.unlink()


def _literal(name: str) -> str:
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it runs, but is somebody else's
        return True
    return True
