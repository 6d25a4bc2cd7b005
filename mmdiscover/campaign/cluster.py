"""Trials on the workers of a Dask cluster, through joblib's backend for it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from joblib import Parallel, parallel_config
from joblib._dask import DaskDistributedBackend

from mmdiscover.campaign.pool import WorkersBrokeError
from mmdiscover.errors import InputError, MMDiscoverError

CONNECT_SECONDS = 10.0
RETRIES = 5
"""So often Dask begins a trial again whose worker has died."""
_COUNT_SECONDS = 5.0


class _Backend(DaskDistributedBackend):  # type: ignore[misc]
    """Joblib's, but on one core, too, tasks are run there and not in this process."""

    def effective_n_jobs(self, n_jobs: int) -> int:
        return max(2, int(super().effective_n_jobs(n_jobs)))


class DaskWorkers:
    """The workers of a Dask cluster, as many as there are whenever tasks are handed out.

    Nothing is kept on them: a trial is sent as its numbers, and comes back as its outcome.

    Parameters
    ----------
    scheduler : str
        Address, such as ``tcp://HOST:8786``.

    Raises
    ------
    InputError
        If Dask is not installed.
    WorkersBrokeError
        If there is no scheduler at the address.
    """

    def __init__(self, scheduler: str) -> None:
        self._scheduler = scheduler
        # Its own types say that every call may have to be awaited.
        self._client: Any = None
        self._count, self._counted = 1, 0.0
        self._connect()

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.count} worker{'' if self.count == 1 else 's'} of the Dask cluster {self._scheduler}"

    @property
    def count(self) -> int:
        """As `mmdiscover.campaign.pool.Workers`; known for a few seconds."""
        if time.monotonic() >= self._counted + _COUNT_SECONDS:
            try:
                self._count = max(1, sum(self._connect().ncores().values()))
            except MMDiscoverError:
                raise
            except Exception as error:  # it may be any, of the network or of the cluster
                raise WorkersBrokeError(f"the Dask cluster {self._scheduler} does not answer: {error}") from error
            self._counted = time.monotonic()
        return self._count

    def parallel(self) -> Parallel:
        """As `mmdiscover.campaign.pool.Workers`."""
        backend = _Backend(client=self._connect(), wait_for_workers_timeout=60, retries=RETRIES)
        with parallel_config(backend=backend):
            return Parallel(n_jobs=-1, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")

    def end(self) -> None:
        """Forget about what runs there: trials cannot be ended from here, their outcomes are not taken in."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close()

    def _connect(self) -> Any:
        if self._client is None:
            self._client = _client(self._scheduler)
        return self._client


def _client(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "a Dask cluster needs a library that is not installed: pip install 'mmdiscover[dask]'"
        ) from None
    try:
        return Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WorkersBrokeError(f"no Dask scheduler answers at {scheduler!r}: {reason}") from None
