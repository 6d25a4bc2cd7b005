"""How fast this machine multiplies matrices and adds blocks: measured once, kept in a file."""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.runtime.engine import COMPILED, Engine
from mmdiscover.runtime.library import named
from mmdiscover.runtime.step import prepare_step
from mmdiscover.runtime.team import Team

if TYPE_CHECKING:
    from collections.abc import Callable

_SIZES = {"f": (256, 512, 1024, 2048), "c": (256, 512, 1024), "i": (128, 256)}
"""Sizes of square products by kind of number type; integers have no BLAS."""
_BLOCKS = {"f": (512, 1536), "c": (256, 768), "i": (64, 128)}
"""Sizes of blocks in the products by a scheme that are timed."""
_LEAST_SECONDS = 0.05


@dataclass(frozen=True)
class Calibration:
    """Speeds for one number type and number of threads.

    Parameters
    ----------
    sizes : tuple of int
        Of square products.
    seconds_per_multiplication : tuple of float
        Of `numpy.matmul`, for each size.
    blocks : tuple of int
        Sizes of square blocks.
    seconds_per_pass : tuple of float
        For one entry that a sum reads or writes, for each size of blocks.
    """

    sizes: tuple[int, ...]
    seconds_per_multiplication: tuple[float, ...]
    blocks: tuple[int, ...]
    seconds_per_pass: tuple[float, ...]

    def classical(self, n: float, m: float, p: float) -> float:
        """Expected seconds of `numpy.matmul`."""
        work = n * m * p
        return work * float(np.interp(work ** (1 / 3), self.sizes, self.seconds_per_multiplication))

    def passes(self, entries: float, block: float) -> float:
        """Expected seconds of reading or writing so many entries of blocks that have `block` entries each."""
        return entries * float(np.interp(block**0.5, self.blocks, self.seconds_per_pass))


def calibration_file() -> Path:
    """Where calibrations are kept: MMDISCOVER_CALIBRATION, or a file in the user's folder for caches."""
    named = os.environ.get("MMDISCOVER_CALIBRATION")
    if named:
        return Path(named)
    # Deferred: a product by a stated scheme needs no calibration.
    from platformdirs import user_cache_path

    return user_cache_path("mmdiscover") / "calibration.json"


@lru_cache(maxsize=32)
def calibrate(dtype: np.dtype[Any], threads: int) -> Calibration | None:
    """The calibration of this machine, from the file or measured now, within a few seconds.

    Parameters
    ----------
    dtype : dtype
    threads : int
        For sums.

    Returns
    -------
    Calibration or None
        None for number types that sums are not compiled for.
    """
    if dtype.char not in COMPILED:
        return None
    path, key = calibration_file(), f"{_machine()} | {dtype} | {threads} threads"
    kept = _read(path)
    with suppress(KeyError, TypeError, ValueError):
        entry = kept[key]
        found = Calibration(**{name: tuple(values) for name, values in entry.items()})
        found.classical(1, 1, 1)
        found.passes(1, 1)
        return found
    measured = measure(dtype, threads)
    _write(path, {**_read(path), key: asdict(measured)})
    return measured


def measure(dtype: np.dtype[Any], threads: int) -> Calibration:
    """Measure without looking into the file."""
    sizes, blocks = _SIZES[dtype.kind], _BLOCKS[dtype.kind]
    per_multiplication = []
    for size in sizes:
        a = np.ones((size, size), dtype)
        per_multiplication.append(_seconds(partial(np.matmul, a, a, out=np.empty_like(a))) / size**3)
    per_pass = tuple(_seconds_per_pass(block, dtype, threads) for block in blocks)
    return Calibration(sizes, tuple(per_multiplication), blocks, per_pass)


def _seconds_per_pass(block: int, dtype: np.dtype[Any], threads: int) -> float:
    """What a product by a 2×2×2 scheme takes beyond its products of blocks, for each entry that it reads or writes.

    Sums by themselves are faster than between products, whose threads wait for work for a while and are in the way,
    and which leave nothing in the caches.
    """
    step = prepare_step(named("2x2x2:7"), dtype)
    size = 2 * block
    a = np.ones((size, size), dtype)
    out, part, product = np.empty_like(a), np.ones((block, block), dtype), np.empty((block, block), dtype)
    engine = Engine((size, size, size), dtype, [step], Team(threads))
    whole, parts = _medians(partial(engine.run, a, a, out), partial(np.matmul, part, part, out=product))
    return max(whole - len(step.products) * parts, 0.0) / (sum(step.passes) * block**2)


def _seconds(run: Callable[[], object]) -> float:
    """The least of some runs after one that does not count: other programs only make it longer."""
    run()
    times: list[float] = []
    while len(times) < 4 or sum(times) < _LEAST_SECONDS:
        begin = perf_counter()
        run()
        times.append(perf_counter() - begin)
    return min(times)


def _medians(*runs: Callable[[], object]) -> list[float]:
    """Medians of at least five runs of each, in turns, after one that does not count."""
    times: list[list[float]] = [[] for _ in runs]
    while len(times[0]) < 6 or sum(times[0]) < _LEAST_SECONDS:
        for run, seconds in zip(runs, times, strict=True):
            begin = perf_counter()
            run()
            seconds.append(perf_counter() - begin)
    return [median(seconds[1:]) for seconds in times]


def _machine() -> str:
    return f"{platform.node()} {platform.machine()} {os.cpu_count()} processors, NumPy {np.__version__}"


def _read(path: Path) -> dict[str, Any]:
    """What the file holds; nothing when it is missing or damaged."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file; a folder that cannot be written to only means measuring again."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            json.dump(content, file, indent=1)
        Path(file.name).replace(path)
