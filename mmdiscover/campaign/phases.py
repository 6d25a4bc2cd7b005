"""What the trials in flight are busy with, told by the workers through one small file."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmdiscover.campaign.trial import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MARKS = {
    Phase.SEARCHING: b"s",
    Phase.WALKING: b"w",
    Phase.REFINING: b"r",
    Phase.LIFTING: b"l",
    Phase.FINISHED: b"f",
}


@dataclass(frozen=True)
class PhaseBoard:
    """One byte per trial, written by whoever runs it.

    A file rather than a queue: a byte at its own offset needs no lock and no thread, and nobody has to read it.

    Parameters
    ----------
    path : Path
    """

    path: Path

    def announce(self, index: int, phase: Phase) -> None:
        """Note that trial `index` has begun `phase`; silently nothing when the file is gone or the disk is full."""
        with suppress(OSError), self.path.open("r+b", buffering=0) as file:
            file.seek(index)
            file.write(_MARKS[phase])

    def count(self, indices: Iterable[int]) -> Counter[Phase]:
        """How many of the trials `indices` are in which phase; those not yet begun, and finished ones, are left out."""
        counts: Counter[Phase] = Counter()
        with suppress(OSError), self.path.open("rb", buffering=0) as file:
            for index in indices:
                file.seek(index)
                mark = file.read(1)
                counts.update(phase for phase, known in _MARKS.items() if known == mark)
        del counts[Phase.FINISHED]
        return counts


@contextmanager
def phase_board() -> Iterator[PhaseBoard]:
    """A board that lasts as long as the context."""
    with tempfile.TemporaryDirectory(prefix="mmdiscover-") as folder:
        path = Path(folder) / "phases"
        path.touch()
        yield PhaseBoard(path)
