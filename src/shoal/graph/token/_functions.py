"""Functions, classes and modules: by name where the name leads back to them, else by value.

By value, a function is its code, its defaults, what its closure holds, and the globals its code
loads; a class is its bases and its namespace.  Line numbers and file names are left out: moving
a function, or running a notebook's cell again, does not make it another one.

By name, the code is part of the token all the same, so that a module edited and reloaded in
a running session gives new tokens; what the code refers to is not followed.  Whatever lives in
``__main__`` goes by value: there, one name stands for one thing after another.
"""

from __future__ import annotations

import builtins
import dis
import functools
import sys
import types
import weakref
from collections.abc import Callable
from enum import Enum
from typing import Any

from shoal.graph.token.hashing import digest
from shoal.graph.token.registry import HEAPTYPE, is_importable, normalize_token
from shoal.graph.token.walk import ATOMS, FLAT, GlobalName, Normal, Unpredictable, Walk, is_flat

__all__: list[str] = []

# What the interpreter, abc, copyreg and dataclasses keep in a class; none of it is the author's.
_CLASS_MACHINERY = frozenset(
    ["__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations_cache__"]
    + ["__dict__", "__firstlineno__", "__module__", "__qualname__", "__slotnames__"]
    + ["__static_attributes__", "__weakref__", "_abc_impl"]
)


class _ByIdentity:
    """A cache keyed by objects themselves, dropped with them; code objects compare by value."""

    def __init__(self) -> None:
        self.entries: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def get(self, obj: Any) -> Any:
        entry = self.entries.get(id(obj))
        return entry[1] if entry is not None and entry[0]() is obj else None

    def set(self, obj: Any, value: Any) -> None:
        key, entries = id(obj), self.entries

        def forget(ref: weakref.ref[Any]) -> None:
            entries.pop(key, None)

        entries[key] = (weakref.ref(obj, forget), value)


_codes = _ByIdentity()
_flat_functions = _ByIdentity()


# -- code ----------------------------------------------------------------------------------------


def code_digest(code: types.CodeType) -> bytes:
    """16 bytes for what a code object does."""
    return _code_entry(code)[0]


def _code_entry(code: types.CodeType) -> tuple[bytes, tuple[str, ...]]:
    """(digest, names of the globals that it or code inside it loads)."""
    entry = _codes.get(code)
    if entry is None:
        entry = (digest(_code_normal(code)), tuple(sorted(_globals_loaded(code))))
        _codes.set(code, entry)
    return entry  # type: ignore[no-any-return]


def _code_normal(code: types.CodeType) -> Normal:
    description = (
        code.co_name,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags),
        code.co_code,
        code.co_consts,
        (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
        code.co_exceptiontable,
    )
    return Walk(normalize_token, ensure=True).items(description)


def _globals_loaded(code: types.CodeType) -> set[str]:
    # co_names would not do: it holds the names of attributes too.
    names = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names.update(_code_entry(const)[1])
    return names


# -- functions -----------------------------------------------------------------------------------


def _flat_function(walk: Walk, func: types.FunctionType) -> Normal:
    """The normal form of a function that goes by its name or refers to nothing, else None."""
    code, defaults, kwdefaults = func.__code__, func.__defaults__, func.__kwdefaults__
    entry = _flat_functions.get(func)
    # What reloads a module in place changes these; attributes matter where the value does.
    if (
        entry is not None
        and (entry[0] is code and entry[1] is defaults and entry[2] is kwdefaults)
        and (entry[3] or not func.__dict__)
    ):
        return entry[4]
    named = is_importable(func, func.__module__, func.__qualname__)
    normal: Normal = ("\0function", func.__module__, func.__qualname__, code_digest(code))
    if named:
        normal += (_plain(defaults or ()), _plain(sorted((kwdefaults or {}).items())))
    elif kwdefaults or func.__closure__ or func.__dict__ or not is_flat(defaults or ()):
        return None
    else:
        normal += (defaults,)
        names = _code_entry(code)[1]
        if names:
            # Builtins only, as yet: not for keeping.
            return normal if func.__globals__.keys().isdisjoint(names) else None
    _flat_functions.set(func, (code, defaults, kwdefaults, named, normal))
    return normal


def _plain(defaults: Any) -> Normal:
    """Defaults as far as they are atoms; others (often sentinels) by the names of their types."""
    if type(defaults) in ATOMS or type(defaults) is float:
        return defaults
    if type(defaults) in (tuple, list):
        return tuple(map(_plain, defaults))
    return type(defaults).__qualname__


def _describe_function(func: types.FunctionType) -> Any:
    code = func.__code__
    digested, names = _code_entry(code)
    module = func.__module__
    space = func.__globals__
    loaded = {name: space[name] for name in names if name in space}
    closure = func.__closure__ and tuple(map(_content, func.__closure__))
    extras = (func.__defaults__, func.__kwdefaults__, closure, func.__dict__ or None, loaded)
    # Annotations are left out: they do not change what is computed, and may fail to evaluate.
    return (module, func.__qualname__, digested, *extras)


def _content(cell: types.CellType) -> Any:
    """What a cell of a closure holds; the cell itself where it is not filled yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return cell


def _describe_cell(cell: types.CellType) -> Any:
    content = _content(cell)
    return () if content is cell else (content,)


def _flat_builtin(walk: Walk, func: Any) -> Normal:
    """The normal form of a function of a C module, else None (a method has an object, too)."""
    owner, module, name = func.__self__, func.__module__, func.__qualname__
    if owner is not None and not isinstance(owner, types.ModuleType):
        return None
    return ("\0builtin", module, name) if is_importable(func, module, name) else None


def _describe_global(target: GlobalName) -> Any:
    obj, name = target.obj, target.name
    for module in (getattr(obj, "__module__", None), type(obj).__module__):
        if isinstance(module, str) and is_importable(obj, module, name):
            return (module, name)
    # In C modules __module__ may be missing or be the public one.
    if getattr(builtins, name, None) is obj:
        return ("builtins", name)
    wrapped = getattr(obj, "__wrapped__", None)
    if wrapped is not None:  # functools.lru_cache
        parameters = getattr(obj, "cache_parameters", dict)
        return (type(obj), wrapped, parameters())
    raise Unpredictable(f"pickle would import it as {name!r}, and there is no such name")


# -- classes -------------------------------------------------------------------------------------


def _flat_type(walk: Walk, cls: type) -> Normal:
    """The normal form of a class that goes by its name, else None."""
    module, qualname = cls.__module__, cls.__qualname__
    if not cls.__flags__ & HEAPTYPE or is_importable(cls, module, qualname):
        return ("\0type", module, qualname)
    return None


def _describe_class(cls: type) -> Any:
    named = _flat_type(None, cls)  # type: ignore[arg-type]
    if named is not None:
        return named  # a class with a metaclass
    space = _members(cls) if issubclass(cls, Enum) else dict(vars(cls))
    space = {
        name: value
        for name, value in space.items()
        if name not in _CLASS_MACHINERY
        # Slots and C members: __slots__ and the bases say the same.
        and not isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType)
    }
    if space.get("__doc__", ...) is None:
        del space["__doc__"]
    # Not the qualified name: cloudpickle loses all but the last part.
    return (cls.__module__, cls.__name__, cls.__bases__, space)


def _members(cls: Any) -> dict[str, Any]:
    """An enumeration's members and methods, without what Enum computes from them."""
    members = cls.__members__
    space = {
        name: value
        for name, value in vars(cls).items()
        if name not in members and name != "__new__" and not (name[0] == name[-1] == "_")
    }
    return {**space, "__members__": [(name, one._value_) for name, one in members.items()]}


def _describe_module(module: types.ModuleType) -> Any:
    if sys.modules.get(module.__name__) is module:
        return (module.__name__,)
    space = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    return (module.__name__, space)


FLAT[types.FunctionType] = _flat_function
FLAT[type] = _flat_type
FLAT[types.BuiltinFunctionType] = _flat_builtin

_DESCRIBE: dict[Any, Callable[[Any], Any]] = {
    types.FunctionType: _describe_function,
    type: _describe_class,
    types.CellType: _describe_cell,
    types.CodeType: lambda code: (code_digest(code),),
    types.MethodType: lambda method: (method.__func__, method.__self__),
    types.ModuleType: _describe_module,
    GlobalName: _describe_global,
    staticmethod: lambda method: (method.__func__,),
    classmethod: lambda method: (method.__func__,),
    property: lambda prop: (prop.fget, prop.fset, prop.fdel),
    # It holds a lock in Python 3.11.
    functools.cached_property: lambda prop: (prop.func, prop.attrname),
    Enum: lambda member: (type(member), member._value_),
}

normalize_token.extend(_DESCRIBE)
