"""Actors of a worker, without the worker."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest

from shoal.distributed.node.actors import Actors
from shoal.distributed.node.coroutines import Coroutines
from shoal.distributed.protocol import Call

WAIT_S = 60


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, notes: Any = None) -> None:
        error = Speechless()
        if notes is not None:
            error.__notes__ = notes
        raise error


@pytest.fixture
def actors() -> Iterator[Actors]:
    coroutines = Coroutines()
    made = Actors(None, "inproc://a", coroutines)
    for id, key in ((1, "one"), (2, ("two", 0))):
        row: Any = SimpleNamespace(id=id, key=key)
        made.make(row, Named(str(key)))
    yield made
    made.free([*made.objects])
    coroutines.close()


def ask(actors: Actors, method: str, **args: Any) -> Any:
    said = Queue[Any]()
    actors.call(Call(1, method, args), [], lambda answer, buffers: said.put(answer))
    return said.get(timeout=WAIT_S)


def test_an_actor_is_found_by_its_key(actors: Actors) -> None:
    for key in ("one", ["two", 0]):  # as msgpack gives keys
        found = ask(actors, "actor.get", key=key, name="name").frames
        assert pickle.loads(found.head) == str(key if key == "one" else tuple(key))
    actors.free([1])
    assert "no actor 'one'" in ask(actors, "actor.get", key="one", name="name").error[1]
    assert ask(actors, "actor.get", key=["two", 0], name="name").error is None


@pytest.mark.parametrize("notes", [None, 5, [Speechless()], "one note"])
def test_an_exception_that_cannot_say_what_it_is_does_not_end_an_actor(
    actors: Actors, notes: Any
) -> None:
    data = pickle.dumps(((notes,), {}))
    error = ask(actors, "actor.call", key="one", name="fail", data=data).error
    assert error == ("Speechless", "(its __str__ raised RuntimeError)")
    assert ask(actors, "actor.get", key="one", name="name").error is None
