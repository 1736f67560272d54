"""Settings: where they come from, and how a program reads and changes them.

The settings are one nested dict, `config`.  It is built from four kinds of source, each of which
overrides those before it:

1. the defaults: ``shoal.yaml`` beside this module, which documents every setting, and whatever
   other packages add with `update_defaults`;
2. YAML files of the system and of the user, in the directories of `paths`;
3. settings that a parent process hands down in ``SHOAL_INTERNAL_INHERIT_CONFIG`` (`serialize`);
4. environment variables: ``SHOAL_BAG__SPLIT_EVERY=16`` sets ``bag.split-every``.

After that, `set` changes settings for good or within a ``with`` block.

A name such as ``"bag.split-every"`` is the path through the nested dict.  Hyphens and underscores
mean the same in each part of it.  A name whose meaning moved is in `deprecations`: it still works,
with a warning.

Nothing is read until the first use: importing PyYAML takes a third of the time that
``import shoal`` may take in all.  So `config`, `global_config` and `defaults` are attributes that
the module makes on demand, and functions reach them through ``_target`` and ``_known_defaults``.

Threads: there is one set of settings for the process, so that the threads of an executor see what
the caller set.  Every change holds `config_lock`.  Reading holds nothing, because a reader follows
one reference at a time and a change never leaves the dict half empty.  `set` blocks of several
threads may overlap in any order; when all have ended, the settings are as they were.

Only this module knows where settings come from.  Code that needs one reads it at its edge, with
`get`, and passes the value on.
"""

from __future__ import annotations

import ast
import base64
import builtins  # `set` is a class here
import difflib
import functools
import inspect
import itertools
import json
import os
import pathlib
import site
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, ParamSpec, TypeVar, overload

from shoal.errors import ConfigError, MissingSettingError, SerializationError

__all__ = [
    "PATH",
    "canonical_name",
    "check_deprecations",
    "collect",
    "collect_env",
    "collect_yaml",
    "config",
    "config_lock",
    "defaults",
    "deprecations",
    "deserialize",
    "ensure_file",
    "expand_environment_variables",
    "get",
    "global_config",
    "interpret_value",
    "merge",
    "paths",
    "paths_containing_key",
    "pop",
    "refresh",
    "rename",
    "serialize",
    "set",
    "update",
    "update_defaults",
]

P = ParamSpec("P")
R = TypeVar("R")
Settings = dict[str, Any]
Notice = tuple[type[Warning], str]

_PREFIX = "SHOAL_"
_INHERITED = "SHOAL_INTERNAL_INHERIT_CONFIG"
# Variables that say where settings are, and are not settings themselves.
_NOT_SETTINGS = frozenset({"SHOAL_CONFIG", "SHOAL_ROOT_CONFIG", _INHERITED})
_DEFAULTS_FILE = pathlib.Path(__file__).with_name("shoal.yaml")
_YAML_SUFFIXES = (".yaml", ".yml", ".json")
_MISSING: Any = object()

#: The settings of this process.  A plain dict; `global_config` is the same object under the name
#: that a function with a parameter ``config`` can use.
config: Settings
global_config: Settings

#: The mappings of defaults, in the order in which they were added; the first is ``shoal.yaml``.
defaults: list[Mapping[str, Any]]

#: Held by every function that changes `config`; re-entrant, so that a warning hook may use `set`.
config_lock = threading.RLock()

#: Names that moved, each with its new name, or with None if the setting is gone.
deprecations: dict[str, str | None] = {
    "fuse-ave-width": "optimization.fuse.ave-width",
    "fuse-max-height": "optimization.fuse.max-height",
    "fuse-max-width": "optimization.fuse.max-width",
    "fuse-rename-keys": "optimization.fuse.rename-keys",
    "fuse-max-depth-new-edges": "optimization.fuse.max-depth-new-edges",
    "array.rechunk-threshold": "array.rechunk.threshold",
    "array.shuffle.chunksize-tolerance": "array.chunk-size-tolerance",
    "dataframe.shuffle.algorithm": "dataframe.shuffle.method",
    "dataframe.shuffle-compression": "dataframe.shuffle.compression",
}

_config: Settings = {}
_defaults: list[Mapping[str, Any]] = []
_is_loaded = False


# -- where files are ------------------------------------------------------------------------------


def _user_directory() -> str:
    """The user's directory of settings, by the XDG base directory specification."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification says to ignore a relative path.
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(home, "shoal")


def _search_paths() -> list[str]:
    """Directories and files that may hold settings, the strongest last."""
    found = [
        os.environ.get("SHOAL_ROOT_CONFIG", "/etc/shoal"),
        os.path.join(sys.prefix, "etc", "shoal"),
        *(os.path.join(prefix, "etc", "shoal") for prefix in site.PREFIXES),
        _user_directory(),
        *filter(None, [os.environ.get("SHOAL_CONFIG")]),
    ]
    # The strongest mention of a path counts.
    return list(dict.fromkeys(reversed(found)))[::-1]


#: Where files of settings are looked for, the strongest last: ``/etc/shoal`` (or
#: ``$SHOAL_ROOT_CONFIG``), ``etc/shoal`` under the prefixes of the interpreter,
#: ``$XDG_CONFIG_HOME/shoal`` (``~/.config/shoal``), and ``$SHOAL_CONFIG``, a file or a directory.
paths: list[str] = _search_paths()

#: Where `ensure_file` writes: ``$SHOAL_CONFIG``, or the user's directory.
PATH: str = os.environ.get("SHOAL_CONFIG") or _user_directory()


# -- reading and changing settings ----------------------------------------------------------------


def canonical_name(k: str, config: Mapping[str, Any]) -> str:
    """Return the spelling of one part of a name that a mapping uses.

    Hyphens and underscores mean the same.

    Parameters
    ----------
    k : str
        One part of a name, without dots.
    config : mapping
        One section of settings.

    Returns
    -------
    str
        The key of `config` that means `k`; `k` itself where there is none.

    Examples
    --------
    >>> canonical_name("split_every", {"split-every": 8})
    'split-every'
    >>> canonical_name("new_name", {"split-every": 8})
    'new_name'
    """
    # str(): YAML may have numbers and dates as keys.
    plain = str(k).replace("_", "-")
    if k in config or "-" not in plain:
        return k
    if plain in config:
        return plain
    # A copy: another thread may add a key meanwhile.
    return next((name for name in list(config) if str(name).replace("_", "-") == plain), k)


def get(
    key: str,
    default: Any = _MISSING,
    config: Mapping[str, Any] | None = None,
    override_with: Any = None,
) -> Any:
    """Return the value of a setting.

    Parameters
    ----------
    key : str
        The name, with dots between its parts.
    default : optional
        What to return where nothing gave the setting a value.
    config : mapping, optional
        The settings to look in; those of the process by default.
    override_with : optional
        Returned as it is unless it is None: the usual way to let an argument of a function come
        before a setting.

    Returns
    -------
    object
        The value, or a dict for the name of a section.

    Raises
    ------
    MissingSettingError
        Nothing gave the setting a value and there is no `default`.  A KeyError too.

    Examples
    --------
    >>> get("bag.split-every", config={"bag": {"split-every": 8}})
    8
    >>> get("bag.shape", default="round", config={"bag": {"split-every": 8}})
    'round'
    >>> get("bag.split_every", override_with=4)
    4
    """
    if override_with is not None:
        return override_with
    settings = _target(config)
    value = _lookup(key, settings)
    if value is not _MISSING:
        return value
    if default is not _MISSING:
        return default
    raise MissingSettingError(_missing_text(key, settings))


def pop(key: str, default: Any = _MISSING, config: Settings | None = None) -> Any:
    """Remove a setting and return its value.

    Parameters
    ----------
    key : str
        The name, with dots between its parts.
    default : optional
        What to return where nothing gave the setting a value.
    config : dict, optional
        The settings to change; those of the process by default.

    Returns
    -------
    object
        The value that was removed, or `default`.

    Raises
    ------
    MissingSettingError
        Nothing gave the setting a value and there is no `default`.  A KeyError too.

    Examples
    --------
    >>> settings = {"bag": {"split-every": 8, "npartitions": 100}}
    >>> pop("bag.split_every", config=settings)
    8
    >>> settings
    {'bag': {'npartitions': 100}}
    """
    settings = _target(config)
    above, _, leaf = key.rpartition(".")
    with config_lock:
        section = _lookup(above, settings) if above else settings
        name = canonical_name(leaf, section) if isinstance(section, dict) else leaf
        if isinstance(section, dict) and name in section:
            return section.pop(name)
    if default is not _MISSING:
        return default
    raise MissingSettingError(_missing_text(key, settings))


@dataclass(slots=True)
class _Change:
    """One assignment: where it was made, and what was there before (or ``_MISSING``)."""

    section: Settings
    name: str
    before: Any

    def undo(self) -> None:
        if self.before is _MISSING:
            self.section.pop(self.name, None)
        else:
            self.section[self.name] = self.before


class set:
    """Change settings, for good or within a ``with`` block.

    The change is made at once.  As a context manager, the object takes it back at the end of the
    block, and exactly: names that were added are removed.  As a decorator, it makes the change
    while the function runs.

    Parameters
    ----------
    arg : mapping, optional
        Values by name, with dots between the parts of a name.  A mapping as a value replaces the
        whole section.
    config : dict, optional
        The settings to change; those of the process by default.
    lock : context manager, optional
        Held during a change, together with `config_lock`.
    **kwargs
        More values by name, with two underscores in the place of a dot.  They come after `arg`.

    Raises
    ------
    ConfigError
        One of the settings no longer exists (see `deprecations`).

    Notes
    -----
    The settings are those of the whole process: other threads see them too.  Where blocks of
    several threads overlap, the latest change counts, and each value that ends is passed by: a
    block never brings back the value of another block that has ended.

    Examples
    --------
    >>> settings = {"bag": {"split-every": 8}}
    >>> with set({"bag.split-every": 16}, config=settings, scheduler="sync"):
    ...     print(settings)
    {'bag': {'split-every': 16}, 'scheduler': 'sync'}
    >>> settings
    {'bag': {'split-every': 8}}

    >>> @set(config=settings, bag__split_every=4)
    ... def fan_in():
    ...     return get("bag.split-every", config=settings)
    >>> fan_in(), settings
    (4, {'bag': {'split-every': 8}})
    """

    _order_of_changes: ClassVar = itertools.count()
    # Every object whose changes are in force.  Weak, because that of a plain call is dropped at
    # once and its change stays.
    _in_force: ClassVar[weakref.WeakSet[set]] = weakref.WeakSet()

    def __init__(
        self,
        arg: Mapping[str, Any] | None = None,
        config: Settings | None = None,
        lock: AbstractContextManager[Any] = config_lock,
        **kwargs: Any,
    ) -> None:
        # Loops, not comprehensions: a warning points at the caller by the number of frames.
        self._values: list[tuple[str, Any]] = []
        for key, value in (arg or {}).items():
            self._values.append((check_deprecations(key), value))
        for key, value in kwargs.items():
            self._values.append((check_deprecations(key.replace("__", ".")), value))
        self._config: Settings = _target(config)
        self._lock = lock
        self._changes: list[_Change] = []
        self._is_entered = False
        self._apply()

    def __enter__(self) -> Settings:
        if not self._changes:  # entered a second time
            self._apply()
        self._is_entered = True
        return self._config

    def __exit__(self, *exc_info: object) -> None:
        self._take_back()

    def __call__(self, func: Callable[P, R]) -> Callable[P, R]:
        self._take_back()
        if inspect.iscoroutinefunction(func) or inspect.isgeneratorfunction(func):
            raise TypeError(
                f"config.set cannot decorate {func.__qualname__}: its body runs after the call has "
                "returned; put `with config.set(...)` inside it"
            )

        @functools.wraps(func)
        def with_settings(*args: P.args, **kwargs: P.kwargs) -> R:
            with set(dict(self._values), self._config, self._lock):
                return func(*args, **kwargs)

        return with_settings

    def _apply(self) -> None:
        with self._lock, config_lock:
            self._order = next(self._order_of_changes)
            self._thread = threading.get_ident()
            self._changes = [_assign(self._config, key, value) for key, value in self._values]
            self._in_force.add(self)

    def _take_back(self) -> None:
        with self._lock, config_lock:
            self._in_force.discard(self)
            for change in reversed(self._changes):
                heir = self._overwritten_by(change)
                if heir is None:
                    change.undo()
                else:
                    heir.before = change.before
            self._changes = []
            self._is_entered = False

    def _overwritten_by(self, change: _Change) -> _Change | None:
        """The first later change of the same place that somebody else will take back."""
        if not self._in_force:
            return None
        # A later object of this thread that nobody entered is a plain call: it is undone with the
        # block around it.  One of another thread may be just about to be entered.
        later = sorted(
            (
                other
                for other in self._in_force
                if other._order > self._order
                and (other._is_entered or other._thread != threading.get_ident())
            ),
            key=lambda other: other._order,
        )
        same_place = (
            c
            for other in later
            for c in other._changes
            if c.section is change.section and c.name == change.name
        )
        return next(same_place, None)


def update(
    old: Settings,
    new: Mapping[str, Any],
    priority: Literal["old", "new", "new-defaults"] = "new",
    defaults: Mapping[str, Any] | None = None,
) -> Settings:
    """Merge settings into others, section by section, in place.

    A section always comes before a plain value at the same place, whatever the priority: code
    that reads a setting below it must find it.

    Parameters
    ----------
    old : dict
        The settings to change.
    new : mapping
        The settings to add.
    priority : {"new", "old", "new-defaults"}
        Which value stays where both have one.  "new-defaults": the new one, but only where the
        old one equals that of `defaults`.
    defaults : mapping, optional
        The present defaults, for "new-defaults".

    Returns
    -------
    dict
        `old`.

    Examples
    --------
    >>> update({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}, "a": 4})
    {'a': 4, 'b': {'c': 2, 'd': 3}}
    >>> update({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}, "a": 4}, priority="old")
    {'a': 1, 'b': {'c': 2, 'd': 3}}
    >>> update({"a": 1, "b": 5}, {"a": 4, "b": 4}, "new-defaults", {"a": 1, "b": 1})
    {'a': 4, 'b': 5}
    """
    for key, value in new.items():
        name = canonical_name(key, old)
        current = old.get(name, _MISSING)
        default = _lookup_part(key, defaults)
        if isinstance(value, Mapping):
            if not isinstance(current, dict):
                current = old[name] = dict(current) if isinstance(current, Mapping) else {}
            below = default if isinstance(default, Mapping) else None
            update(current, value, priority, below)
        elif (
            current is _MISSING
            or priority == "new"
            or (priority == "new-defaults" and default is not _MISSING and current == default)
        ):
            old[name] = value
    return old


def merge(*dicts: Mapping[str, Any]) -> Settings:
    """Return the union of several settings; later ones come first.

    Parameters
    ----------
    *dicts : mapping
        Settings; none of them is changed or shared with the result.

    Returns
    -------
    dict
        A new dict.

    Examples
    --------
    >>> merge({"a": 1, "b": {"c": 2}}, {"a": 4, "b": {"d": 3}})
    {'a': 4, 'b': {'c': 2, 'd': 3}}
    """
    result: Settings = {}
    for settings in dicts:
        update(result, settings)
    return result


def update_defaults(
    new: Mapping[str, Any],
    config: Settings | None = None,
    defaults: list[Mapping[str, Any]] | None = None,
) -> None:
    """Add defaults: how a package that builds on shoal registers its settings.

    A setting that still has an earlier default takes the new one; one that the user chose stays.

    Parameters
    ----------
    new : mapping
        The defaults to add.
    config : dict, optional
        The settings to change; those of the process by default.
    defaults : list of mapping, optional
        The defaults to append to; those of the process by default.

    Examples
    --------
    >>> settings, known = {"a": 1, "b": 2}, [{"a": 1, "b": 1}]
    >>> update_defaults({"a": 10, "b": 10, "c": 10}, config=settings, defaults=known)
    >>> settings
    {'a': 10, 'b': 2, 'c': 10}
    """
    settings, known = _target(config), _known_defaults(defaults)
    with config_lock:
        current = merge(*known)
        known.append(new)
        update(settings, new, priority="new-defaults", defaults=current)


# -- names that moved -----------------------------------------------------------------------------


def check_deprecations(key: str, deprecations: Mapping[str, str | None] = deprecations) -> str:
    """Return the present name of a setting, with a warning if `key` is an earlier one.

    Parameters
    ----------
    key : str
        The name, with dots between its parts.
    deprecations : mapping, optional
        New names by old name; None for a setting that is gone.

    Returns
    -------
    str
        `key`, or the name that it has now.

    Raises
    ------
    ConfigError
        The setting is gone.

    Examples
    --------
    >>> check_deprecations("bag.split-every")
    'bag.split-every'
    >>> check_deprecations("bag.shape", {"bag.shape": None})
    Traceback (most recent call last):
    ...
    shoal.errors.ConfigError: the setting 'bag.shape' no longer exists; remove it
    """
    new = deprecations.get(key.replace("_", "-"), key)
    if new is None:
        raise ConfigError(f"the setting {key!r} no longer exists; remove it")
    if new != key and key.replace("_", "-") in deprecations:
        # 3: the caller of `set`, which is what calls this.
        warnings.warn(_renamed_text(key, new), FutureWarning, stacklevel=3)
    return new


def rename(
    deprecations: Mapping[str, str | None] = deprecations, config: Settings | None = None
) -> dict[str, str | None]:
    """Move values from earlier names to present ones, in place; drop settings that are gone.

    Parameters
    ----------
    deprecations : mapping, optional
        New names by old name; None for a setting that is gone.
    config : dict, optional
        The settings to change; those of the process by default.

    Returns
    -------
    dict
        The part of `deprecations` that applied.

    Examples
    --------
    >>> settings = {"fuse_width": 2}
    >>> rename({"fuse-width": "fuse.width", "not-there": "a.b"}, settings)
    {'fuse-width': 'fuse.width'}
    >>> settings
    {'fuse': {'width': 2}}
    """
    settings = _target(config)
    applied: dict[str, str | None] = {}
    with config_lock:
        # All out before any goes in: one name may be the section of another.
        present = [old for old in deprecations if _lookup(old, settings) is not _MISSING]
        values = {old: pop(old, None, settings) for old in present}
        for old, value in values.items():
            applied[old] = new = deprecations[old]
            if new is not None:
                _assign(settings, new, value)
    return applied


# -- collecting settings --------------------------------------------------------------------------


def collect(
    paths: Sequence[str | os.PathLike[str]] | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of files and environment variables, under their present names.

    Parameters
    ----------
    paths : sequence of str or path, optional
        Files and directories, the strongest last; `shoal.config.paths` by default.
    env : mapping, optional
        Environment variables; those of the process by default.

    Returns
    -------
    dict
        The settings, without defaults.

    Raises
    ------
    ConfigError
        A file is not YAML, or is not a mapping; the message names it.

    Examples
    --------
    >>> collect(paths=[], env={"SHOAL_BAG__SPLIT_EVERY": "16"})
    {'bag': {'split_every': 16}}
    """
    settings, notices = _settle(_sources(paths, env))
    _show(notices)
    return settings


@overload
def collect_yaml(
    paths: Sequence[str | os.PathLike[str]] | None = ..., *, return_paths: Literal[False] = ...
) -> Iterator[Settings]: ...
@overload
def collect_yaml(
    paths: Sequence[str | os.PathLike[str]] | None = ..., *, return_paths: Literal[True]
) -> Iterator[tuple[pathlib.Path, Settings]]: ...
def collect_yaml(
    paths: Sequence[str | os.PathLike[str]] | None = None, *, return_paths: bool = False
) -> Iterator[Settings | tuple[pathlib.Path, Settings]]:
    """Yield the settings of each file, the strongest last.

    Parameters
    ----------
    paths : sequence of str or path, optional
        Files and directories, the strongest last; `shoal.config.paths` by default.  The files of
        a directory (``.yaml``, ``.yml``, ``.json``) come in alphabetical order.  What does not
        exist or may not be read is passed over.
    return_paths : bool
        Yield pairs of path and settings.

    Yields
    ------
    dict, or tuple of Path and dict

    Raises
    ------
    ConfigError
        A file is not YAML, or is not a mapping; the message names it.

    Examples
    --------
    >>> list(collect_yaml(["/no/such/directory"]))
    []
    """
    for path in _yaml_files(_default_paths(paths)):
        settings = _load_file(path)
        if settings is not None:
            yield (path, settings) if return_paths else settings


def paths_containing_key(
    key: str, paths: Sequence[str | os.PathLike[str]] | None = None
) -> Iterator[pathlib.Path]:
    """Yield the files that give a setting a value, the strongest last.

    Parameters
    ----------
    key : str
        The name, with dots between its parts.
    paths : sequence of str or path, optional
        Files and directories; `shoal.config.paths` by default.

    Yields
    ------
    Path

    Examples
    --------
    >>> list(paths_containing_key("bag.split-every", paths=[]))
    []
    """
    for path, settings in collect_yaml(paths, return_paths=True):
        if _lookup(key, settings) is not _MISSING:
            yield path


def interpret_value(value: str) -> Any:
    """Return the value that a string of an environment variable stands for.

    Parameters
    ----------
    value : str
        A Python literal; true, false, none or null in any case; or plain text.

    Returns
    -------
    object

    Examples
    --------
    >>> interpret_value("12"), interpret_value("[1, 'a']"), interpret_value("TRUE")
    (12, [1, 'a'], True)
    >>> interpret_value("null"), interpret_value("128 MiB")
    (None, '128 MiB')
    """
    words = {"none": None, "null": None, "true": True, "false": False}
    if value.lower() in words:
        return words[value.lower()]
    try:
        return ast.literal_eval(value)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return value


def collect_env(env: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of environment variables.

    ``SHOAL_A__B_C=1`` becomes ``{"a": {"b_c": 1}}``.  Settings that a parent process handed down
    in ``SHOAL_INTERNAL_INHERIT_CONFIG`` come first, variables override them.

    Parameters
    ----------
    env : mapping, optional
        Environment variables; those of the process by default.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        What was handed down cannot be read.

    Examples
    --------
    >>> collect_env({"SHOAL_SCHEDULER": "sync", "SHOAL_BAG__SPLIT_EVERY": "4", "HOME": "/"})
    {'bag': {'split_every': 4}, 'scheduler': 'sync'}
    """
    if env is None:
        env = os.environ
    settings = _inherited(env)
    # Sorted: SHOAL_A comes before SHOAL_A__B, so that the section stays, whatever the order.
    for variable in sorted(env):
        if variable.startswith(_PREFIX) and variable not in _NOT_SETTINGS:
            key = variable.removeprefix(_PREFIX).lower().replace("__", ".")
            _assign(settings, key, interpret_value(env[variable]))
    return settings


def refresh(
    config: Settings | None = None,
    defaults: list[Mapping[str, Any]] | None = None,
    paths: Sequence[str | os.PathLike[str]] | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Read the defaults, files and environment variables again; forget every `set`.

    Parameters
    ----------
    config : dict, optional
        The settings to change; those of the process by default.
    defaults : list of mapping, optional
        The defaults; those of the process by default.
    paths : sequence of str or path, optional
        Files and directories, the strongest last; `shoal.config.paths` by default.
    env : mapping, optional
        Environment variables; those of the process by default.

    Raises
    ------
    ConfigError
        A file is not YAML, or is not a mapping; the settings stay as they were.

    Warns
    -----
    FutureWarning
        A file or variable uses an earlier name of a setting, and nothing stronger the present one.
    UserWarning
        A file has a setting that the defaults do not know; the message names both and the nearest
        known setting.

    Examples
    --------
    >>> settings = {"left over": 1}
    >>> refresh(settings, defaults=[{"a": 1, "b": 2}], paths=[], env={"SHOAL_B": "3"})
    >>> settings
    {'a': 1, 'b': 3}
    """
    settings = _target(config)
    with config_lock:
        fresh, notices = _assemble(_known_defaults(defaults), _sources(paths, env))
        # In this order, so that no reader finds a setting missing that is there before and after.
        settings.update(fresh)
        for name in settings.keys() - fresh.keys():
            del settings[name]
    _show(notices)


def expand_environment_variables(config: Any) -> Any:
    """Return settings with ``$NAME`` and ``${NAME}`` in their strings replaced.

    Parameters
    ----------
    config : object
        A string; a dict, list, tuple or set, also nested; anything else is returned as it is.

    Returns
    -------
    object
        As `config`; variables that are not set are left as they are.

    Examples
    --------
    >>> os.environ["SHOAL_EXAMPLE_DIR"] = "/scratch"
    >>> expand_environment_variables(
    ...     {"temporary-directory": "$SHOAL_EXAMPLE_DIR/tmp", "n": [1]}
    ... )
    {'temporary-directory': '/scratch/tmp', 'n': [1]}
    >>> del os.environ["SHOAL_EXAMPLE_DIR"]
    """
    if isinstance(config, str):
        return os.path.expandvars(config)
    if isinstance(config, Mapping):
        return {key: expand_environment_variables(value) for key, value in config.items()}
    # Exactly these: a subclass such as a named tuple may not be made from an iterable.
    if type(config) in (list, tuple, builtins.set, frozenset):
        return type(config)(expand_environment_variables(value) for value in config)
    return config


def ensure_file(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str] | None = None,
    comment: bool = True,
) -> None:
    """Copy a file of defaults to where the user will find it, unless there is one already.

    A place that cannot be written to is passed over: packages call this when they are imported,
    and must be importable with a home directory that is read-only.

    Parameters
    ----------
    source : str or path
        The file of defaults.
    destination : str or path, optional
        A directory, made if needed; `shoal.config.PATH` by default.
    comment : bool
        Write each setting as a comment, so that the copy changes nothing until it is edited.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     source = pathlib.Path(directory, "lake.yaml")
    ...     _ = source.write_text("lake:\\n  depth: 3\\n")
    ...     ensure_file(source, pathlib.Path(directory, "user"))
    ...     print(pathlib.Path(directory, "user", "lake.yaml").read_text())
    # lake:
    #   depth: 3
    <BLANKLINE>
    """
    source = pathlib.Path(source)
    directory = pathlib.Path(PATH if destination is None else destination)
    copy = directory / source.name
    if copy.exists():
        return
    text = source.read_text(encoding="utf-8")
    if comment:
        text = "".join(map(_commented, text.splitlines(keepends=True)))
    # Written aside and renamed: another process may be reading the directory.
    aside = directory / f".{source.name}.{os.getpid()}.{threading.get_ident()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, encoding="utf-8")
        aside.replace(copy)
    except OSError:
        return


# -- handing settings to another process ----------------------------------------------------------


def serialize(data: Any) -> str:
    """Return settings as text, for ``SHOAL_INTERNAL_INHERIT_CONFIG`` of a child process.

    Parameters
    ----------
    data : dict
        Settings with values that JSON can write; a tuple arrives as a list.

    Returns
    -------
    str
        URL-safe base64 of JSON.

    Raises
    ------
    SerializationError
        A value cannot be written, such as a function or a pool; the message names its setting.
        A TypeError too.

    Examples
    --------
    >>> serialize({"bag": {"split-every": 8}})
    'eyJiYWciOiB7InNwbGl0LWV2ZXJ5IjogOH19'
    """
    try:
        text = json.dumps(data)
    except (TypeError, ValueError) as error:
        raise SerializationError(
            f"{_unserializable(data)} cannot be handed to another process as JSON ({error}); "
            "leave it out, or set it in that process"
        ) from error
    return base64.urlsafe_b64encode(text.encode()).decode()


def deserialize(data: str) -> Any:
    """Return the settings that `serialize` wrote.

    Parameters
    ----------
    data : str
        What `serialize` returned.

    Returns
    -------
    object

    Raises
    ------
    ConfigError
        `data` is something else.

    Examples
    --------
    >>> deserialize("eyJiYWciOiB7InNwbGl0LWV2ZXJ5IjogOH19")
    {'bag': {'split-every': 8}}
    """
    try:
        return json.loads(base64.urlsafe_b64decode(data.encode()))
    except ValueError as error:
        raise ConfigError(
            f"{data[:40]!r} is not settings that shoal.config.serialize wrote: {error}"
        ) from error


# -- the settings of the process ------------------------------------------------------------------


def __getattr__(name: str) -> Any:
    if name in ("config", "global_config"):
        return _target(None)
    if name == "defaults":
        return _known_defaults(None)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _target(config: Any) -> Any:
    """The settings that an argument means: those of the process for None."""
    if config is not None:
        return config
    if not _is_loaded:
        _load()
    return _config


def _known_defaults(defaults: list[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    if defaults is not None:
        return defaults
    if not _is_loaded:
        _load()
    return _defaults


def _default_paths(
    given: Sequence[str | os.PathLike[str]] | None,
) -> Sequence[str | os.PathLike[str]]:
    return paths if given is None else given


def _load() -> None:
    """Read everything for the first time."""
    global _is_loaded
    with config_lock:
        if _is_loaded:
            return
        packaged = _parse_yaml(_DEFAULTS_FILE, _DEFAULTS_FILE.read_bytes())
        fresh, notices = _assemble([packaged], _sources(None, None))
        _config.update(fresh)
        _defaults.append(packaged)
        _is_loaded = True
    # After the settings are in place: a hook for warnings may read them.
    _show(notices)


def _lookup(key: str, settings: Any) -> Any:
    """The value at a path, or ``_MISSING``."""
    for part in key.split("."):
        # Two thirds of the time of `get` went into asking a dict whether it is a Mapping.
        value = settings.get(part, _MISSING) if type(settings) is dict else _MISSING
        settings = _lookup_part(part, settings) if value is _MISSING else value
        if settings is _MISSING:
            break
    return settings


def _lookup_part(part: str, section: Any) -> Any:
    if not isinstance(section, Mapping):
        return _MISSING
    value = section.get(part, _MISSING)
    if value is _MISSING:
        value = section.get(canonical_name(part, section), _MISSING)
    return value


def _assign(settings: Settings, key: str, value: Any) -> _Change:
    """Give a setting a value, making the sections above it, and return how to undo that."""
    above = key.split(".")
    section = settings
    for depth, part in enumerate(above[:-1]):
        name = canonical_name(part, section)
        below = section.get(name)
        if not isinstance(below, dict):
            # From here on nothing is there: one change adds all of it, and takes all back.
            for inner in reversed(above[depth + 1 :]):
                value = {inner: value}
            break
        section = below
    else:
        name = canonical_name(above[-1], section)
    change = _Change(section, name, section.get(name, _MISSING))
    section[name] = value
    return change


# -- files and environment ------------------------------------------------------------------------


def _yaml_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[pathlib.Path]:
    for path in map(pathlib.Path, paths):
        if not path.is_dir():
            yield path
            continue
        try:
            names = sorted(os.listdir(path))
        except OSError:  # not ours to read
            continue
        yield from (path / name for name in names if name.lower().endswith(_YAML_SUFFIXES))


def _load_file(path: pathlib.Path) -> Settings | None:
    """The settings in a file; None where it is absent, empty, or not ours to read."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
        return None
    return _parse_yaml(path, content) or None


def _parse_yaml(path: pathlib.Path, content: bytes) -> Settings:
    import yaml  # here, because it is slow to import and most programs set nothing at import time

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 8 times faster, where it was built
    try:
        settings = yaml.load(content, Loader=loader)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"the file of settings {str(path)!r} is malformed; original error message: {error}"
        ) from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise ConfigError(
            f"the file of settings {str(path)!r} is malformed: it must have a dict at its top "
            f"level (name: value), and has a {type(settings).__name__}"
        )
    return settings


def _inherited(env: Mapping[str, str]) -> Settings:
    text = env.get(_INHERITED)
    if not text:
        return {}
    try:
        settings = deserialize(text)
    except ConfigError as error:
        raise ConfigError(f"environment variable {_INHERITED}: {error}") from error
    if not isinstance(settings, dict):
        raise ConfigError(
            f"environment variable {_INHERITED} must hold a dict of settings, "
            f"and holds a {type(settings).__name__}"
        )
    return settings


def _unserializable(data: Any, name: str = "") -> str:
    """Name the first setting that JSON cannot write."""
    for key, value in data.items() if isinstance(data, dict) else ():
        try:
            json.dumps({key: value})
        except (TypeError, ValueError):
            return _unserializable(value, f"{name}.{key}" if name else str(key))
    return f"the setting {name!r}" if name else f"a {type(data).__name__}"


def _commented(line: str) -> str:
    return line if not line.strip() or line.lstrip().startswith("#") else f"# {line}"


# -- putting sources together ---------------------------------------------------------------------


def _sources(
    paths: Sequence[str | os.PathLike[str]] | None, env: Mapping[str, str] | None
) -> list[tuple[str, Settings]]:
    """Where settings come from and what they are, the strongest last; no file name for the env."""
    files = [(str(path), s) for path, s in collect_yaml(paths, return_paths=True)]
    return [*files, ("", collect_env(env))]


def _assemble(
    known: Sequence[Mapping[str, Any]], sources: list[tuple[str, Settings]]
) -> tuple[Settings, list[Notice]]:
    """Defaults and sources in one dict, and what to warn of."""
    fresh = merge(*known)
    given, notices = _settle(sources)
    for file, settings in sources:
        if file and fresh:
            notices.extend(_unknown_settings(file, settings, fresh))
    return update(fresh, given), notices


def _settle(sources: list[tuple[str, Settings]]) -> tuple[Settings, list[Notice]]:
    """All sources in one dict under present names, and a notice for each name that moved.

    There is no notice where a stronger source uses the present name, or, for a setting that is
    gone, repeats it under ``ignore-deprecated``: a file may serve several versions of shoal.
    """
    settled: Settings = {}
    moved: dict[str, str | None] = {}
    for _, settings in sources:
        for old, new in list(moved.items()):
            if _lookup(new or f"ignore-deprecated.{old}", settings) is not _MISSING:
                del moved[old]
        moved.update(rename(deprecations, settings))
        update(settled, settings)
    return settled, [(FutureWarning, _renamed_text(old, new)) for old, new in moved.items()]


def _unknown_settings(
    file: str, settings: Mapping[str, Any], known: Mapping[str, Any]
) -> Iterator[Notice]:
    names = list(_names(known))
    for key, value in _without_counterpart(settings, known):
        near = _nearest(key, names)
        # A section of its own is that of another package, which adds its defaults later.
        if near is None and "." not in key and isinstance(value, Mapping):
            continue
        hint = f"; did you mean {near!r}?" if near else ""
        yield UserWarning, f"unknown setting {key!r} in {file}{hint}"


def _without_counterpart(
    settings: Mapping[str, Any], known: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Any]]:
    """Settings, by full name, that `known` lacks."""
    for key, value in settings.items():
        here = f"{above}{key}"
        counterpart = _lookup_part(key, known)
        if counterpart is _MISSING:
            if here != "ignore-deprecated":
                yield here, value
        # An empty section among the defaults is one whose names the user chooses.
        elif isinstance(value, Mapping) and isinstance(counterpart, Mapping) and counterpart:
            yield from _without_counterpart(value, counterpart, f"{here}.")


def _show(notices: list[Notice]) -> None:
    for category, text in notices:
        warnings.warn(text, category, stacklevel=3)


def _renamed_text(old: str, new: str | None) -> str:
    if new is not None:
        return f"the setting {old!r} is deprecated; use {new!r}"
    return (
        f"the setting {old!r} no longer exists and is left out; to keep it for other versions "
        f"without this warning, repeat it as 'ignore-deprecated.{old}' in a file read later"
    )


def _missing_text(key: str, settings: Mapping[str, Any]) -> str:
    # Not the section that it was looked for in.
    near = _nearest(key, (name for name in _names(settings) if not key.startswith(f"{name}.")))
    if near is not None:
        return f"no setting {key!r}; did you mean {near!r}?"
    above = key.rpartition(".")[0]
    section = _lookup(above, settings) if above else settings
    if isinstance(section, Mapping) and section:
        where = f"the section {above!r} has" if above else "there are"
        return f"no setting {key!r}; {where}: {', '.join(map(str, section))}"
    return f"no setting {key!r}; set it with shoal.config.set, or pass a default"


def _nearest(key: str, names: Iterable[str]) -> str | None:
    spelled = {name.replace("_", "-"): name for name in names}
    near = difflib.get_close_matches(key.replace("_", "-"), spelled, n=1)
    return spelled[near[0]] if near else None


def _names(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Full names of all settings and sections."""
    for key, value in list(settings.items()):
        yield f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _names(value, f"{above}{key}.")


if hasattr(os, "register_at_fork"):
    # A child that is forked while another thread holds the lock would wait for it for ever.
    os.register_at_fork(
        before=config_lock.acquire,
        after_in_parent=config_lock.release,
        after_in_child=config_lock.release,
    )
