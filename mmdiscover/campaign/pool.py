"""Running trials, or other tasks, in this process or in joblib's workers, and ending them without a trace."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend import resource_tracker as loky_resource_tracker

from mmdiscover.campaign.interrupts import BY_USER
from mmdiscover.errors import InputError, MMDiscoverError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from mmdiscover.campaign.interrupts import Interrupts

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")

TICK = 0.1
"""Seconds without an outcome after which a pool says so."""
WORKERS_PER_CORE = 4
"""More processes than this per core are a slip of the finger."""
SMALL_PROBLEM = 350
"""Entries of all factors up to which a trial is over before a worker process has loaded its modules."""

_END = object()


def worker_count(workers: int | None, entries: int | None) -> int:
    """Number of processes to run trials in.

    Parameters
    ----------
    workers : int or None
        As asked for; None for one per core, and 1 where trials take less time than starting a process.
    entries : int or None
        Of all three factors; None for a run that is long in any case.

    Raises
    ------
    InputError
        If `workers` is less than 1 or far more than the machine can run.
    """
    cores = int(cpu_count())
    if workers is None:
        return 1 if entries is not None and entries <= SMALL_PROBLEM else cores
    if not 1 <= workers <= WORKERS_PER_CORE * cores:
        raise InputError(
            f"number of workers is {workers}, expected 1 to {WORKERS_PER_CORE * cores} on this machine of {cores} cores"
        )
    return workers


def run_in_process(run: Callable[[Task], Outcome], tasks: Iterable[Task], interrupts: Interrupts) -> Generator[Outcome]:
    """Run tasks one after the other, here.

    Yields
    ------
    outcome
        What `run` returns, in the order of the tasks; ends early when `interrupts` asks for it.
    """
    for task in tasks:
        outcome = interrupts.guard(partial(run, task))
        if outcome is None:
            return
        yield outcome


def run_in_threads(
    run: Callable[[Task], Outcome], tasks: Iterable[Task], interrupts: Interrupts, threads: int
) -> Generator[Outcome | None]:
    """Run tasks in threads of this process, for work that holds no lock.

    Close the generator to begin no more; what runs then, or when it is interrupted, is not waited for, and its outcome
    is lost.

    Parameters
    ----------
    run : callable
    tasks : iterable of tasks
        Taken in other threads, each when a thread is free for it.
    interrupts : Interrupts
    threads : int

    Yields
    ------
    outcome or None
        Outcomes in the order in which they come; None when there was none for a while.

    Raises
    ------
    Exception
        What `run` or `tasks` raise.
    """
    inbox: queue.Queue[Any] = queue.Queue()
    source, taking, closing = iter(tasks), threading.Lock(), threading.Event()

    def work() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, BY_USER)
        try:
            while not closing.is_set():
                with taking:
                    some = list(islice(source, 1))
                if not some:
                    break
                inbox.put(run(some[0]))
            inbox.put(_END)
        except BaseException as failure:  # noqa: BLE001 (the main thread raises it)
            inbox.put(_Failure(failure))

    for number in range(threads):
        # They do not keep the process alive.
        threading.Thread(target=work, name=f"mmdiscover-walker-{number}", daemon=True).start()
    ended = 0
    try:
        while ended < threads:
            if interrupts.requested:
                # What is finished is still handed over.
                closing.set()
            try:
                item = inbox.get(timeout=0 if closing.is_set() else TICK)
            except queue.Empty:
                if closing.is_set():
                    return
                yield None
                continue
            if isinstance(item, _Failure):
                raise item.error
            if item is _END:
                ended += 1
            else:
                yield item
    finally:
        closing.set()


class WorkersBrokeError(MMDiscoverError):
    """A worker process died, or the way to it broke."""


class Workers(Protocol):
    """Processes that joblib hands tasks to."""

    @property
    def shown(self) -> str:
        """What they are, for people."""

    @property
    def count(self) -> int:
        """How many trials run at the same time."""

    def parallel(self) -> Parallel:
        """A new `Parallel` with a generator of outcomes in the order in which they come."""

    def end(self) -> None:
        """End those that are busy, or forget about them."""


@dataclass(frozen=True)
class LocalWorkers:
    """Processes of this machine.

    Parameters
    ----------
    count : int
        With 1, a second process stands idle: joblib would run the tasks in this one, where none can be ended.
    """

    count: int

    @property
    def shown(self) -> str:
        """As `Workers`."""
        return "1 worker" if self.count == 1 else f"{self.count} workers"

    def parallel(self) -> Parallel:
        """As `Workers`."""
        with parallel_config(
            backend="loky", inner_max_num_threads=1, initializer=_prepare_worker, initargs=(os.getpid(),)
        ):
            return Parallel(
                n_jobs=max(2, self.count),
                pre_dispatch=1 if self.count == 1 else "2*n_jobs",
                return_as="generator_unordered",
                batch_size=1,
                max_nbytes=None,
            )

    def end(self) -> None:
        """As `Workers`."""
        get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)


def run_in_workers(
    run: Callable[[Task], Outcome], waves: Iterable[Iterable[Task]], interrupts: Interrupts, workers: int | Workers
) -> Generator[Outcome | None]:
    """Run tasks in worker processes with one BLAS thread each.

    Close the generator to end the workers, also those that are busy.

    Parameters
    ----------
    run : callable
        Picklable.
    waves : iterable of iterables of tasks
        Taken lazily, in other threads: the tasks of a wave a few ahead of what is running, and a wave when the caller
        has come back for more after each outcome of those before it.
    interrupts : Interrupts
    workers : int or Workers
        Their number on this machine, or others.

    Yields
    ------
    outcome or None
        Outcomes in the order in which they come; None when there was none for a while.

    Raises
    ------
    WorkersBrokeError
        If a worker process was killed.
    Exception
        What `waves` raises.
    """
    collector = _Collector(run, waves, LocalWorkers(workers) if isinstance(workers, int) else workers)
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
            if isinstance(item, _Failure):
                raise item.error
            yield item
            if interrupts.requested:
                # Nothing new is begun, so that the inbox runs empty.
                collector.begin_no_more()
            collector.acknowledge()
    finally:
        collector.close()


@dataclass(frozen=True)
class _Failure:
    """What ended the collector."""

    error: BaseException


class _Collector(threading.Thread):
    """Iterates over joblib's results, so that the main thread can wait for them and for signals alike.

    The thread blocks the signals for itself, for joblib's threads and, by inheritance, for the worker processes: a
    Ctrl-C in a terminal reaches all processes, and only the main thread is to answer.
    """

    def __init__(self, run: Callable[[Any], object], waves: Iterable[Iterable[object]], workers: Workers) -> None:
        super().__init__(name="mmdiscover-collector", daemon=True)
        # Not a SimpleQueue: when a signal comes at the end of its timeout, CPython 3.11 makes that an endless one.
        self.inbox: queue.Queue[Any] = queue.Queue()
        self._run, self._waves, self._workers = run, waves, workers
        self._closing = threading.Event()
        self._dispatching = threading.Lock()
        self._acknowledged = threading.Semaphore(0)

    def run(self) -> None:
        # joblib's resource trackers must not die of the terminal's end, or what they track is left behind. Starting
        # them unblocks the signals that they know of, so these are blocked again.
        signal.pthread_sigmask(signal.SIG_BLOCK, BY_USER)
        loky_resource_tracker.ensure_running()
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, BY_USER)
        try:
            for wave in self._waves:
                if not self._run_wave(wave):
                    break
            self.inbox.put(_END)
        except BaseException as failure:  # noqa: BLE001 (the main thread raises it)
            self.inbox.put(_Failure(failure))

    def _run_wave(self, wave: Iterable[object]) -> bool:
        """Run a wave, and wait until the caller has taken in all of it; False when it was asked to begin no more."""
        sent = 0
        try:
            with self._dispatching:
                if self._closing.is_set():
                    return False
                # A new one for each wave: in one that is used again, joblib's callback of the last result may still be
                # at work on the attributes of the next call. The worker processes are the same ones.
                outcomes = self._workers.parallel()(delayed(self._run)(task) for task in self._open_tasks(wave))
            for outcome in outcomes:
                self.inbox.put(outcome)
                sent += 1
        except Exception as failure:
            # The trials keep their own exceptions, so it is the processes, or the way to them.
            reason = str(failure).partition("\n")[0] or type(failure).__name__
            raise WorkersBrokeError(f"the worker processes broke down: {reason}") from failure
        for _ in range(sent):
            self._acknowledged.acquire()
            if self._closing.is_set():
                return False
        return True

    def _open_tasks(self, wave: Iterable[object]) -> Iterator[object]:
        for task in wave:
            if self._closing.is_set():
                return
            yield task

    def acknowledge(self) -> None:
        """Say that one more outcome has been taken in."""
        self._acknowledged.release()

    def begin_no_more(self) -> None:
        """Let what runs come to its end."""
        self._closing.set()
        # Whoever waits for an outcome to be taken in is to look up.
        self._acknowledged.release()

    def close(self) -> None:
        """End the workers and wait until they are gone."""
        self.begin_no_more()
        with self._dispatching:
            self._workers.end()
        self.join()


def _prepare_worker(parent: int) -> None:
    """Do not outlive the parent process, even when it is killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
