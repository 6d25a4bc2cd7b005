"""CPU seconds per exact fit when the settings are learnt on the way, the time of learning included.

Usage: python -m experiments.learnt_settings.run [REPORT.md]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from threadpoolctl import threadpool_limits

from experiments.provenance import provenance, table, write_report
from mmdiscover.campaign.learning import Learner, candidates
from mmdiscover.campaign.plan import plan_target, waves
from mmdiscover.core.format import parse_scheme_name
from mmdiscover.search import SearchSettings, run_start, symmetry_name

HERE = Path(__file__).parent
SETTINGS = HERE / "settings.toml"
REPORT = HERE.parents[1] / "reports" / "learnt_settings.md"
FINDINGS = HERE / "findings.md"


@dataclass(frozen=True)
class Yield:
    """What one search brought: exact fits by their settings, starts, and CPU seconds."""

    fits: Counter[SearchSettings]
    starts: int
    seconds: float

    @property
    def seconds_per_fit(self) -> float:
        """Infinite without a fit."""
        return self.seconds / self.fits.total() if self.fits else float("inf")


def search(scheme: str, seed: int, fits: int, minutes: float) -> Yield:
    """Search with a learner that knows nothing, until so many fits or CPU minutes."""
    fmt, rank = parse_scheme_name(scheme)
    if rank is None:
        raise ValueError(f"{scheme!r} names no rank")
    target = plan_target(fmt, rank)
    learner = Learner(fmt, rank, candidates(fmt, rank, target.pins))
    found: Counter[SearchSettings] = Counter()
    begun, starts = time.process_time(), 0
    for wave in waves(target, seed, None, learner):
        outcomes = []
        for task in wave:
            assert isinstance(task.search, SearchSettings)
            fit = run_start(fmt, rank, task.search, task.seeds()[0])
            starts += 1
            found[task.search] += fit.exact
            outcomes.append((task.search, int(fit.exact), fit.iterations))
            seconds = time.process_time() - begun
            if found.total() >= fits or seconds >= 60 * minutes:
                return Yield(+found, starts, seconds)
        for outcome in outcomes:
            learner.learn(*outcome)
    raise AssertionError("the waves have no end")


def best(found: Counter[SearchSettings], rank: int) -> str:
    """The settings that most fits came from."""
    if not found:
        return "–"
    settings, fits = found.most_common(1)[0]
    assert settings.bound is not None
    return f"{symmetry_name(settings.symmetry)}; c = {settings.bound / rank:.1f} r ({fits} of {found.total()} fits)"


def row(scheme: str, results: list[Yield]) -> list[object]:
    """One line of the table, over all seeds."""
    rank = int(scheme.partition(":")[2])
    costs = [result.seconds_per_fit for result in results]
    fits: Counter[SearchSettings] = sum((result.fits for result in results), Counter())
    cost = f"{median(costs):.3g}" if fits else "no fit"
    span = f"{min(costs):.3g} – {max(costs):.3g}" if fits else "–"
    starts, seconds = (sum(getattr(result, name) for result in results) for name in ("starts", "seconds"))
    return [scheme, fits.total(), starts, f"{seconds:.1f}", cost, span, best(fits, rank)]


def vain_seconds(scheme: str, starts: int, workers: int) -> float:
    """Wall time of a campaign of so many starts of which none succeeds, start of the program left out."""

    def once(count: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "mmdiscover", "discover", scheme, "--seed", "1", "--method", "numeric"]
            command += ["--starts", str(count), "--workers", str(workers)]
            begun = time.perf_counter()
            ended = subprocess.run(command, cwd=folder, capture_output=True, check=False)
            seconds = time.perf_counter() - begun
            if ended.returncode != 1:
                raise RuntimeError(f"exit code {ended.returncode}, expected 1 for nothing found: {ended.stderr!r}")
            return seconds

    return once(starts) - once(workers)


def main() -> None:
    """Measure all schemes and write the report."""
    report = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORT
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    rows = []
    # More than one BLAS thread makes systems of this size many times slower.
    with threadpool_limits(1):
        search("2x2x2:7", 0, 1, 1)  # compiles
        for scheme in settings["schemes"]:
            results = [search(scheme, seed, settings["fits"], settings["minutes"]) for seed in settings["seeds"]]
            rows.append(row(scheme, results))
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
        for scheme in settings["large_schemes"]:
            rows.append(row(scheme, [search(scheme, 1, settings["large_fits"], settings["large_minutes"])]))
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    pairs = [[vain_seconds(settings["vain"], settings["vain_starts"], workers) for workers in (1, 2)] for _ in range(3)]
    ratios = sorted(one / two for one, two in pairs)
    columns = ("scheme", "fits", "starts", "CPU s", "CPU s per fit, median", "least – most", "most fits came from")
    write_report(
        report,
        [
            "# What a fit costs when the settings are learnt on the way",
            "",
            "CPU seconds on one BLAS thread per exact fit, from a learner that knows nothing: everything it tries in",
            "vain is counted. Refinement is not.",
            "",
            *table(columns, rows),
            "",
            f"The same campaign, {settings['vain_starts']} starts of {settings['vain']} of which none succeeds, with",
            f"one worker and with two: {ratios[1]:.2f} times as fast (three pairs, {ratios[0]:.2f} – {ratios[2]:.2f});",
            "the start of the program is left out.",
            "",
            FINDINGS.read_text(encoding="utf-8"),
            provenance("python -m experiments.learnt_settings.run", SETTINGS),
        ],
    )


if __name__ == "__main__":
    main()
