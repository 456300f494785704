"""Passwords: argon2id, in threads of their own, so that a storm of logins delays nobody else."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from locutory.kernel.settings import AuthSettings

_THREADS = 2  # each hash takes 64 MiB for a tenth of a second


class Passwords:
    """Hashes and verifies. One object a process."""

    def __init__(self, settings: AuthSettings | None = None) -> None:
        """Hashes cost what the settings say; stored ones of another cost are made anew."""
        cost = settings or AuthSettings()
        argon2 = Argon2Hasher(time_cost=cost.argon2_passes, memory_cost=cost.argon2_memory_kib)
        self._hasher = PasswordHash((argon2,))
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password, with its parameters and salt."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether the password is right, and a new hash where the stored one is out of date.

        `stored` None means that there is no such user: it takes the same time and says no.
        """
        if self._nobody is None:
            self._nobody = await self.hash(secrets.token_urlsafe())
        right, renewed = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._hasher.verify_and_update, password, stored or self._nobody
        )
        return (right, renewed) if stored else (False, None)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False)
