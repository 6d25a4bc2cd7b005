"""Running trials in this process or in joblib's workers, and ending them without a trace."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from functools import partial
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend import resource_tracker as loky_resource_tracker

from mmdiscover.campaign.interrupts import BY_USER
from mmdiscover.errors import InputError, MMDiscoverError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from mmdiscover.campaign.interrupts import Interrupts
    from mmdiscover.campaign.plan import Target, TrialTask
    from mmdiscover.campaign.trial import TrialOutcome

    Run = Callable[[TrialTask], TrialOutcome]

TICK = 0.1
"""Seconds without an outcome after which a pool says so."""
WORKERS_PER_CORE = 4
"""More processes than this per core are a slip of the finger."""
SMALL_PROBLEM = 350
"""Entries of all factors up to which a trial is over before a worker process has loaded its modules."""

_NAP = 0.002

_END = object()


def worker_count(workers: int | None, target: Target) -> int:
    """Number of processes to run trials in.

    Parameters
    ----------
    workers : int or None
        As asked for; None for one per core, and 1 for targets whose trials take less time than starting a process.
    target : Target

    Raises
    ------
    InputError
        If `workers` is less than 1 or far more than the machine can run.
    """
    cores = int(cpu_count())
    if workers is None:
        unknowns = sum(target.format.shape) * target.rank
        return 1 if unknowns <= SMALL_PROBLEM else cores
    if not 1 <= workers <= WORKERS_PER_CORE * cores:
        raise InputError(
            f"number of workers is {workers}, expected 1 to {WORKERS_PER_CORE * cores} on this machine of {cores} cores"
        )
    return workers


def run_in_process(run: Run, tasks: Iterable[TrialTask], interrupts: Interrupts) -> Generator[TrialOutcome]:
    """Run trials one after the other, here.

    Yields
    ------
    TrialOutcome
        In the order of the tasks; ends early when `interrupts` asks for it.
    """
    for task in tasks:
        outcome = interrupts.guard(partial(run, task))
        if outcome is None:
            return
        yield outcome


def run_in_workers(
    run: Run, waves: Iterable[Iterable[TrialTask]], interrupts: Interrupts, workers: int
) -> Generator[TrialOutcome | None]:
    """Run trials in worker processes with one BLAS thread each.

    Close the generator to end the workers, also those that are busy.

    Parameters
    ----------
    run : callable
        Picklable.
    waves : iterable of iterables of TrialTask
        Taken lazily, in other threads: the tasks of a wave a few ahead of what is running, and a wave when the caller
        has come back for more after each outcome of those before it.
    interrupts : Interrupts
    workers : int
        At least 2.

    Yields
    ------
    TrialOutcome or None
        Outcomes in the order in which they come; None when there was none for a while.

    Raises
    ------
    MMDiscoverError
        If a worker process was killed.
    """
    collector = _Collector(run, waves, workers)
    collector.start()
    try:
        while True:
            try:
                item = collector.inbox.get(timeout=TICK)
            except queue.Empty:
                if interrupts.requested:
                    return
                yield None
                continue
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise MMDiscoverError(f"the worker processes broke down: {str(item).splitlines()[0]}") from item
            if interrupts.requested:
                # Nothing new is begun, so that the inbox runs empty.
                collector.closing = True
            yield item
            collector.received += 1
    finally:
        collector.close()


class _Collector(threading.Thread):
    """Iterates over joblib's results, so that the main thread can wait for them and for signals alike.

    The thread blocks the signals for itself, for joblib's threads and, by inheritance, for the worker processes: a
    Ctrl-C in a terminal reaches all processes, and only the main thread is to answer.
    """

    def __init__(self, run: Run, waves: Iterable[Iterable[TrialTask]], workers: int) -> None:
        super().__init__(name="mmdiscover-collector", daemon=True)
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.closing = False
        self.received = 0
        self._run, self._waves, self._workers = run, waves, workers
        self._dispatching = threading.Lock()

    def run(self) -> None:
        # joblib's resource trackers must not die of the terminal's end, or what they track is left behind. Starting
        # them unblocks the signals that they know of, so these are blocked again.
        signal.pthread_sigmask(signal.SIG_BLOCK, BY_USER)
        loky_resource_tracker.ensure_running()
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, BY_USER)
        try:
            with (
                parallel_config(
                    backend="loky", inner_max_num_threads=1, initializer=_prepare_worker, initargs=(os.getpid(),)
                ),
                Parallel(
                    n_jobs=self._workers, return_as="generator_unordered", batch_size=1, max_nbytes=None
                ) as parallel,
            ):
                self._run_waves(parallel)
            self.inbox.put(_END)
        except BaseException as failure:  # noqa: BLE001 (the main thread raises it)
            self.inbox.put(failure)

    def _run_waves(self, parallel: Parallel) -> None:
        sent = 0
        for wave in self._waves:
            with self._dispatching:
                if self.closing:
                    return
                outcomes = parallel(delayed(self._run)(task) for task in self._open_tasks(wave))
            for outcome in outcomes:
                self.inbox.put(outcome)
                sent += 1
            while self.received < sent:
                if self.closing:
                    return
                time.sleep(_NAP)

    def _open_tasks(self, wave: Iterable[TrialTask]) -> Iterator[TrialTask]:
        for task in wave:
            if self.closing:
                return
            yield task

    def close(self) -> None:
        """End the workers and wait until they are gone."""
        self.closing = True
        with self._dispatching:
            get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
        self.join()


def _prepare_worker(parent: int) -> None:
    """Do not outlive the parent process, even when it is killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
