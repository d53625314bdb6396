"""Loading what a command line names: ``PATH.py:function`` or ``package.module:OBJECT``."""

import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from rnnverify.errors import UsageError
from rnnverify.records import Candidate

if TYPE_CHECKING:
    from rnnverify.runs import Run
    from rnnverify.systems import System

FORM = "write PATH.py:function or package.module:function"
PREFIX = "rnnverify_candidate_"
"""Begins the names of modules that are loaded by a file's path."""

watcher: Callable[[str], None] | None = None
"""Is told what is being loaded, and "" when it is."""
_LIBRARIES = {Path(each).resolve() for each in sysconfig.get_paths().values()}
_aside: dict[Path, dict[str, ModuleType]] = {}
"""Folders that were loaded from; of each the modules that gave way to another's of those names."""
_before: set[str] = set()
"""The names of modules that were there before anything was loaded: they never give way."""


def load_candidate(text: str) -> Candidate:
    """Return the function that a command line names.

    Raises:
        UsageError: if the file, the module or the function does not exist, or loading it fails; the
            message then holds the user's own traceback.
    """
    found = _load(text, "candidate")
    if isinstance(found, type) or not callable(found):
        message = (
            f"candidate: {text} is no function, but a {type(found).__name__}; "
            "name a function, or an object that can be called"
        )
        raise UsageError(message)
    adapter = getattr(found, "rnnverify_adapter", None)
    candidate: Candidate = found if adapter is None else adapter
    if adapter is None:
        return candidate
    owner, _, _ = text.rpartition(".")
    inside = _load(owner, "candidate") if ":" in owner else None
    if not isinstance(inside, type):
        return candidate
    with _watched(text, "candidate"):
        return partial(adapter, inside())


def load_system(text: str) -> "System":
    """Return the system that a command line names: built in, or an object in a file or module.

    Raises:
        UsageError: if there is none.
    """
    from rnnverify.builtin import find_system
    from rnnverify.systems import System

    if ":" not in text:
        return find_system(text)
    found = _load(text, "system")
    if not isinstance(found, System):
        message = f"system: {text} is no rnnverify.System, but a {type(found).__name__}"
        raise UsageError(message)
    return found


def load_place(text: str) -> tuple[ModuleType, str]:
    """Return the module that a command line names, and the name in it.

    Raises:
        UsageError: if it cannot be loaded, or has no such name.
    """
    _load(text, "candidate")
    place, _, name = text.rpartition(":")
    return _module(place), name


def load_test(text: str) -> "Run | None":
    """Return how a test by ``gradient_test`` is run, if that is what is named.

    Raises:
        UsageError: if it cannot be loaded.
    """
    trial = getattr(_load(text, "candidate"), "rnnverify_trial", None)
    return None if trial is None else replace(trial.run, candidate=load_candidate(text), name=text)


def _load(text: str, what: str) -> object:
    """Return what is named.

    Raises:
        UsageError: if it cannot be loaded; it begins with what was to be loaded.
    """
    try:
        with _watched(text, what):
            return _named(text)
    except _LoadingError as error:
        message = f"{what}: {error}"
        raise UsageError(message) from error


@contextmanager
def _watched(text: str, what: str) -> Iterator[None]:
    """Tell what is being loaded, for it may end the process."""
    tell = watcher or (lambda _: None)
    tell(f"{what}: loading {text.rpartition(':')[0]}")
    try:
        yield
    finally:
        tell("")


class _LoadingError(Exception):
    """Says what cannot be loaded, and why."""


def _named(text: str) -> object:
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        message = f"{text!r} names nothing; {FORM}"
        raise _LoadingError(message)
    return _attribute(_module(place), name, place)


def _module(place: str) -> ModuleType:
    return _load_file(Path(place)) if place.endswith(".py") else _load_module(place)


def _attribute(module: ModuleType, name: str, place: str) -> object:
    """Return ``name``, which may be dotted, of a module."""
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError:
        own = [n for n, v in vars(module).items() if getattr(v, "__module__", 0) == module.__name__]
        message = f"{place} has no {name!r}; it has {', '.join(own) or 'nothing'}"
        raise _LoadingError(message) from None
    except Exception as error:
        raise _LoadingError(_failed(place, error)) from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        message = f"there is no file {path}; {FORM}"
        raise _LoadingError(message)
    name, place = module_name(path), path.resolve()
    _enter(place.parent)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise _LoadingError(_failed(str(path), error)) from error
    return module


def module_name(path: Path) -> str:
    """Return the name that a file is loaded by: its own, and neither a library's nor another's."""
    digest = hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]
    return f"{PREFIX}{path.stem}_{digest}"


def _enter(folder: Path) -> None:
    """Let what is loaded import the modules of its own folder, and none of those names elsewhere.

    Modules from beside another file that was loaded give way, and come back with that folder.
    Those of Python and of installed packages stay.
    """
    if not _aside:
        _before.update(sys.modules)
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if "." not in name and name not in _before]:
        home = _home(sys.modules[name])
        if home in _aside and home != folder and _has(folder, name):
            _aside[home] |= _taken(name)
    sys.modules.update(_aside.get(folder, {}))
    if folder not in _LIBRARIES:
        _aside[folder] = {}
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))


def _home(module: object) -> Path | None:
    """Return the folder in which a module or a package lies, if it is known and one."""
    if not isinstance(module, ModuleType):
        return None
    held = vars(module)  # a module may have a __getattr__ of its own, which does what it likes
    places = [*held.get("__path__", ()), held.get("__file__")]
    return Path(places[0]).parent.resolve() if places[0] else None


def _has(folder: Path, name: str) -> bool:
    return importlib.machinery.PathFinder.find_spec(name, [str(folder)]) is not None


def _taken(name: str) -> dict[str, ModuleType]:
    """Take a module from those that are loaded, with all that it holds."""
    names = [each for each in sys.modules if each == name or each.startswith(f"{name}.")]
    return {each: sys.modules.pop(each) for each in names}


def _load_module(name: str) -> ModuleType:
    _enter(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise _LoadingError(_failed(name, error)) from error
        message = f"there is no module {error.name!r} here or installed; {FORM}"
        raise _LoadingError(message) from None
    except (Exception, SystemExit) as error:
        raise _LoadingError(_failed(name, error)) from error


def _failed(what: str, error: BaseException) -> str:
    """Return a message with the user's traceback, without the frames of loading."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    return f"loading {what} failed:\n{text}"


def _is_ours(filename: str) -> bool:
    return filename == __file__ or "importlib" in filename
