"""The methods of a worker that others call: `METHODS`, by name.

A method gets the worker and the call's arguments, in the thread of the loop, and returns what
msgpack can say.  One that may take a while returns a function of no arguments, which is called in a
thread of its own and whose result is the answer.

What a user's function returns is ``("ok", pickled)``, or ``("error", packed exception)``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pickle
import sys
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.distributed.node.context import outside
from shoal.distributed.node.disks import trim_heap
from shoal.distributed.node.output import Line, lines_of
from shoal.distributed.node.results import pack_error
from shoal.distributed.node.versions import package_versions
from shoal.graph.functions import has_keyword
from shoal.local.failure import trim
from shoal.serialize.pickles import Frames, dumps

if TYPE_CHECKING:
    from shoal.distributed.node.worker import Worker

__all__ = ["METHODS", "call_user", "load_file"]

HERE = ("dask_worker", "worker", "shoal_worker")
"""Names of an argument for which the worker is passed."""


def call_user(data: bytes, here: Any, names: tuple[str, ...], run: Any) -> tuple[str, bytes]:
    """Call a user's function that came pickled.

    Parameters
    ----------
    data
        Pickled ``(function, args, kwargs)``.
    here
        What is passed for a parameter with one of ``names``.
    names
        See there.
    run
        Waits for a coroutine.

    Examples
    --------
    >>> status, value = call_user(pickle.dumps((max, (1, 2), {})), None, (), None)
    >>> status, pickle.loads(value)
    ('ok', 2)
    """
    token = outside.set(here)
    try:
        func, args, kwargs = pickle.loads(data)
        for name in names[:1] if has_keyword(func, names[0] if names else "") else ():
            kwargs = {**kwargs, name: here}
        value = func(*args, **kwargs)
        if inspect.iscoroutine(value):
            value = run(value)
        return "ok", pickled(value)
    except BaseException as error:
        return "error", pack_error(error.with_traceback(trim(error.__traceback__)))
    finally:
        outside.reset(token)


def pickled(value: Any) -> bytes:
    """One object in one piece."""
    frames = dumps(value, "what the function returned")
    if not frames.buffers:
        return bytes(frames.head)
    # Its buffers inside the stream.
    return pickle.dumps(_Whole(frames), 5)


class _Whole:
    """Pickles to what its frames describe."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    def __reduce__(self) -> tuple[Any, ...]:
        buffers = [bytearray(buffer) for buffer in self.frames.buffers]
        return _unpickle, (bytes(self.frames.head), buffers)


def _unpickle(head: bytes, buffers: list[bytearray]) -> Any:
    return pickle.loads(head, buffers=buffers)


# --- the methods ------------------------------------------------------------------------------


def run(worker: Worker, data: bytes, wait: bool = True) -> Callable[[], Any]:
    """Call a function outside of the tasks."""
    return lambda: call_user(bytes(data), worker, HERE, worker.coroutines.run)


def versions(worker: Worker, packages: Any = None) -> dict[str, Any]:
    """What is installed."""
    return package_versions(packages)


def call_stack(worker: Worker, keys: Any = None) -> dict[str, list[str]]:
    """Where the tasks that run are, by key."""
    frames = sys._current_frames()
    wanted = None if keys is None else {str(_key(key)) for key in keys}
    found = {}
    for lane in worker.lanes.values():
        for slot, row in [*lane.running.items(), *lane.seceded.items()]:
            if slot.ident in frames and (wanted is None or str(row.key) in wanted):
                found[str(row.key)] = traceback.format_stack(frames[slot.ident])
    return found


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def profile(
    worker: Worker,
    key: Any = None,
    start: float | None = None,
    stop: float | None = None,
    server: bool = False,
) -> dict[str, Any]:
    """Where tasks spend their time; or the worker's other threads."""
    if server:
        return worker.stacks.tree(start, stop, [slot.ident for slot in worker.slots()])
    return worker.profile.tree(key, start, stop)


def profile_times(worker: Worker, server: bool = False) -> list[tuple[float, int]]:
    """When there were samples, and how many."""
    return (worker.stacks if server else worker.profile).times()


def logs(worker: Worker, n: int | None = None, text: str = "") -> list[Line]:
    """The last lines of the log with a text in them, newest first."""
    return lines_of(worker.log, n, text)


def memory_trim(worker: Worker) -> bool:
    """Give free memory back to the system."""
    trim_heap()
    return True


def settled(worker: Worker) -> bool:
    """Answered when everything has been done that the scheduler said before."""
    return True


def upload_file(worker: Worker, name: str, data: bytes, load: bool = True) -> Callable[[], Any]:
    """Take a module, and import it."""
    return lambda: load_file(worker.folder, name, bytes(data), load)


def load_file(folder: Path, name: str, data: bytes, load: bool) -> dict[str, Any]:
    """Write a module or an archive of modules into a folder, and import it.

    Parameters
    ----------
    folder
        It is put on ``sys.path``.
    name
        Of the file; ``.py``, ``.egg``, ``.zip`` and ``.whl`` are imported.
    data
        Its content.
    load
        Whether to import it.

    Examples
    --------
    >>> import tempfile
    >>> load_file(Path(tempfile.mkdtemp()), "shoal_example_module.py", b"x = 1", True)
    {'status': 'OK', 'nbytes': 5, 'modules': ['shoal_example_module']}
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / os.path.basename(name)
    path.write_bytes(data)
    loaded = []
    if load:
        place = str(folder if path.suffix == ".py" else path)
        if place not in sys.path:
            sys.path.insert(0, place)
        if path.suffix in (".py", ".egg", ".zip", ".whl"):
            loaded = import_from(path)
    return {"status": "OK", "nbytes": len(data), "modules": loaded}


def import_from(path: Path) -> list[str]:
    """Import what a file holds, anew if it was there before."""
    importlib.invalidate_caches()
    if path.suffix == ".py":
        names = [path.stem]
    else:
        with zipfile.ZipFile(path) as archive:
            tops = {entry.split("/")[0] for entry in archive.namelist()}
        names = sorted(t.removesuffix(".py") for t in tops if t.isidentifier() or t[-3:] == ".py")
    for name in names:
        module = sys.modules.get(name)
        if module is not None:
            importlib.reload(module)
        else:
            importlib.import_module(name)
    return names


def plugin_setup(worker: Worker, name: str, data: bytes, **more: Any) -> Callable[[], Any]:
    """Add a plugin."""
    return lambda: worker.plugins.add(name, bytes(data), **more)


def plugin_teardown(worker: Worker, name: str, **more: Any) -> Callable[[], Any]:
    """Remove a plugin."""
    return lambda: worker.plugins.remove(name)


def close(worker: Worker, reason: str = "closed by the scheduler", **more: Any) -> bool:
    """End the worker."""
    worker.loop.call_soon(worker.close, reason)
    return True


def restart(worker: Worker, **more: Any) -> bool:
    """End the worker so that its nanny starts it again."""
    worker.exit_code = RESTART_CODE
    worker.loop.call_soon(worker.close, "restarted")
    return True


RESTART_CODE = 75
"""A process that ends with this wants to be started again."""

METHODS: dict[str, Callable[..., Any]] = {
    "run": run,
    "versions": versions,
    "call_stack": call_stack,
    "profile": profile,
    "profile_times": profile_times,
    "logs": logs,
    "memory.trim": memory_trim,
    "settled": settled,
    "upload_file": upload_file,
    "plugin.setup": plugin_setup,
    "plugin.teardown": plugin_teardown,
    "close": close,
    "restart": restart,
}
"""What may be called; a ``worker.`` in front of the name is left out."""
