"""Trials on a real Dask cluster: a scheduler and two workers, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmdiscover.campaign.campaign import run_campaign
from mmdiscover.campaign.cluster import DaskWorkers
from mmdiscover.campaign.stored import open_campaign
from mmdiscover.errors import MMDiscoverError
from tests.campaign.fakes import ScriptedSearch
from tests.campaign.test_campaign import KERNELS, SPEC, Log, run, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from results_db import Database

pytest.importorskip("distributed", reason="Dask is not installed")

ROOT = Path(__file__).resolve().parents[2]


class Cluster:
    """A scheduler and its workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "scheduler.json"
        self._processes = [self._start("dask_scheduler", "--port", "0", "--host", "127.0.0.1")]
        deadline = time.monotonic() + 60
        while not (self._file.exists() and self._file.read_text()):
            assert time.monotonic() < deadline, (folder / "dask_scheduler-0.log").read_text()
            time.sleep(0.05)
        self.address = str(json.loads(self._file.read_text())["address"])

    def add_worker(self) -> subprocess.Popen[bytes]:
        """A worker with one thread and no nanny that would start it again."""
        worker = self._start("dask_worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(self._folder))
        self._processes.append(worker)
        return worker

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        number = len(getattr(self, "_processes", []))
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file", str(self._file)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        with (self._folder / f"{program}-{number}.log").open("wb") as log:
            return subprocess.Popen(
                [*command, "--no-dashboard", *arguments], stdout=log, stderr=log, cwd=self._folder, env=environment
            )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    one = Cluster(folder)
    try:
        yield one
    finally:
        one.close()


def test_a_worker_of_the_cluster_is_killed(db: Database, cluster: Cluster, tmp_path: Path) -> None:
    from results_db import open_database

    first, _ = cluster.add_worker(), cluster.add_worker()

    class KillOne(Log):
        def trial(self, *args: Any) -> None:
            super().trial(*args)
            if len(self.trials) == 12:
                first.send_signal(signal.SIGKILL)

    kernels = replace(KERNELS, search=ScriptedSearch(frozenset({2, 5, 12}), default_seconds=0.05))
    stored, _ = open_campaign(db, SPEC)
    log = KillOne()
    end = run_campaign(db, stored, log, DaskWorkers(cluster.address), kernels)
    assert first.wait(10) == -signal.SIGKILL
    assert (end.state, log.errors) == ("finished", [])
    assert [target.trials for target in end.summary.targets] == [30, 20, 9]
    with open_database(str(tmp_path / "undisturbed.db")) as other:
        run(other)
        assert state(db) == state(other)


def test_there_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmdiscover.campaign.cluster.CONNECT_SECONDS", 1.0)
    with pytest.raises(MMDiscoverError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9'"):
        DaskWorkers("tcp://127.0.0.1:9")
    with pytest.raises(MMDiscoverError, match="no Dask scheduler answers at 'nonsense'"):
        DaskWorkers("nonsense")
