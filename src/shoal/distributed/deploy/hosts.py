"""Where a cluster's processes can be started: on this machine, or on others through ssh.

`Host` is the seam: start words, give them something to read, hear what they say, end them.
`ThisHost` does so here, which also makes it the stand-in for any other host in tests; `SSHHost` on
another machine, with asyncssh.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from shoal.distributed.deploy.commands import shell_line
from shoal.errors import ClusterError
from shoal.optional import import_required

__all__ = ["Host", "Running", "SSHHost", "ThisHost"]

END_S = 10.0
"""How long a process may take to end when it is told to."""

LINES = 1_000

NUMBER = "shoal: the number of this process is "
SAY_NUMBER = f"echo '{NUMBER}'$$; exec \"$@\""
"""What a shell does on another machine: the number stays that of the command, and ends it."""


class Running:
    """A process that was started.

    Parameters
    ----------
    readline
        Gives the next line that it says; empty at its end.
    end
        Tells it to end, and waits until it has.

    Attributes
    ----------
    lines
        The last lines that it said.

    Examples
    --------
    >>> said = iter(["one", "two", ""])
    >>> async def readline():
    ...     return next(said)
    >>> running = Running(readline, None)
    >>> asyncio.run(running.expect("two")), running.lines
    ('two', deque(['one', 'two'], maxlen=1000))
    """

    def __init__(
        self, readline: Callable[[], Awaitable[str]], end: Callable[[], Awaitable[None]]
    ) -> None:
        self._readline = readline
        self._end = end
        self.lines: deque[str] = deque(maxlen=LINES)
        self._listening: asyncio.Task[None] | None = None

    async def expect(self, beginning: str) -> str:
        """Wait for a line; what comes after it is kept in ``lines``.

        Parameters
        ----------
        beginning
            Of the line.

        Raises
        ------
        ClusterError
            The process ended before it said so; with what it said.
        """
        while line := await self._readline():
            self.lines.append(line.rstrip())
            if line.startswith(beginning):
                self.listen()
                return line.rstrip()
        await self.end()
        raise ClusterError("it ended and said: " + ("\n".join(self.lines) or "nothing"))

    def listen(self) -> None:
        """Keep what it says: a process that nobody listens to stops when the pipe is full."""
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        while line := await self._readline():
            self.lines.append(line.rstrip())

    async def end(self) -> None:
        """Tell it to end, and wait until it has."""
        await self._end()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])


class Host(Protocol):
    """Somewhere to start processes.

    Examples
    --------
    >>> here: Host = ThisHost()
    >>> here.name
    'localhost'
    """

    name: str

    async def start(self, words: list[str], stdin: bytes = b"") -> Running:
        """Start a process.

        Parameters
        ----------
        words
            The command.
        stdin
            What it can read.
        """

    async def close(self) -> None:
        """Let go of the host."""


class ThisHost:
    """This machine.

    Parameters
    ----------
    environment
        Variables of the processes; default: those of this one.

    Examples
    --------
    >>> async def say() -> str:
    ...     process = await ThisHost().start(["echo", "hello"])
    ...     line = await process.expect("h")
    ...     await process.end()
    ...     return line
    >>> asyncio.run(say())
    'hello'
    """

    name = "localhost"

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = environment

    async def start(self, words: list[str], stdin: bytes = b"") -> Running:
        """Start a process.

        Parameters
        ----------
        words
            The command.
        stdin
            What it can read.
        """
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=None if self.environment is None else dict(self.environment),
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(stdin)
            await process.stdin.drain()
        process.stdin.close()
        output = process.stdout

        async def readline() -> str:
            return (await output.readline()).decode(errors="replace")

        async def end() -> None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), END_S)
            except TimeoutError:
                process.kill()
                await process.wait()

        return Running(readline, end)

    async def close(self) -> None:
        """Nothing to let go of."""


class SSHHost:
    """Another machine, through ssh.

    Parameters
    ----------
    name
        Its name or number.
    connection
        An open connection of asyncssh.

    Examples
    --------
    >>> SSHHost("node-1", None).name
    'node-1'
    """

    def __init__(self, name: str, connection: Any) -> None:
        self.name = name
        self.connection = connection

    @classmethod
    async def connect(cls, name: str, **options: Any) -> SSHHost:
        """Connect to a machine.

        Parameters
        ----------
        name
            Its name or number.
        **options
            For ``asyncssh.connect``: ``username``, ``client_keys``, ``known_hosts``, ...

        Raises
        ------
        MissingDependencyError
            asyncssh is not installed.
        """
        asyncssh: Any = import_required("asyncssh", "SSHCluster")
        return cls(name, await asyncssh.connect(name, **options))

    async def start(self, words: list[str], stdin: bytes = b"") -> Running:
        """Start a process.

        Parameters
        ----------
        words
            The command.
        stdin
            What it can read.
        """
        asyncssh: Any = import_required("asyncssh", "SSHCluster")
        line = shell_line(["sh", "-c", SAY_NUMBER, "sh", *words])
        process = await self.connection.create_process(f"exec {line}", stderr=asyncssh.STDOUT)
        process.stdin.write(stdin.decode())
        process.stdin.write_eof()
        numbers: list[str] = []

        async def readline() -> str:
            said = str(await process.stdout.readline())
            if said.startswith(NUMBER):
                numbers.append(said.removeprefix(NUMBER).strip())
                return str(await process.stdout.readline())
            return said

        async def end() -> None:
            for signal_name in ("TERM", "KILL"):
                with contextlib.suppress(OSError, asyncssh.Error):
                    # Not by signals of the protocol: sshd refuses them to root, old ones to all.
                    for number in numbers:
                        await self.connection.run(f"kill -{signal_name} {number}")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait_closed(), END_S)
                    break
            process.close()

        return Running(readline, end)

    async def close(self) -> None:
        """Close the connection."""
        self.connection.close()
        await self.connection.wait_closed()
