"""What a user's program holds of a cluster: the client, its futures, and coordination.

Every operation that takes several steps (ask the scheduler, then workers, then try again) is
written once, as a coroutine over `Promise`; a synchronous client waits for its end, an
asynchronous one hands it to asyncio.
"""
