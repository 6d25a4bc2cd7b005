"""What becomes of one file: read, verified, and what was verified checked once more by an independent oracle."""

from __future__ import annotations

import resource
import warnings
from dataclasses import dataclass
from math import lcm
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from mmdiscover.core.exact import real_and_imaginary
from mmdiscover.errors import InputError, SchemeFileError
from mmdiscover.interop import read_schemes
from mmdiscover.verify import verify_readings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from mmdiscover.core.scheme import Scheme

UNREADABLE, REFUTED, VERIFIED = "unreadable", "refuted", "verified"
WRONG, CRASHED, DIED, HUNG = "wrongly verified", "crashed", "died", "hung"


@dataclass(frozen=True)
class Judgement:
    """What became of a file.

    Parameters
    ----------
    outcome : str
        Unreadable, refuted or verified; or what must not happen.
    seconds : float
        CPU time of reading and verifying.
    detail : str
        What the program said, if it said anything.
    """

    outcome: str
    seconds: float
    detail: str = ""


def judge(path: Path) -> Judgement:
    """Read a file and verify what it holds.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Judgement
        Of a file with several schemes, the best.
    """
    begin = process_time()
    outcome, detail, valid = UNREADABLE, "", []
    try:
        for entry in read_schemes(path):
            if entry.readings:
                outcome = REFUTED if outcome == UNREADABLE else outcome
                try:
                    scheme, verdict = verify_readings(entry.readings)
                except InputError as error:
                    detail = str(error)
                    continue
                if verdict.ok:
                    outcome = VERIFIED
                    valid.append(scheme)
    except SchemeFileError as error:
        detail = str(error)
    except Exception as error:  # noqa: BLE001  # this is what the experiment looks for
        outcome, detail = CRASHED, f"{type(error).__name__}: {error}"
    seconds = process_time() - begin
    if not all(map(holds, valid)):
        outcome = WRONG
    return Judgement(outcome, seconds, detail)


def holds(scheme: Scheme) -> bool:
    """Whether Σ_q u_q ∘ v_q ∘ w_q = T, from the definition, in integers: shares no code with `mmdiscover.verify`."""
    n, m, p = scheme.format.sizes
    scale = 1
    parts = []
    for factor in scheme.arrays:
        pairs = [real_and_imaginary(entry) for entry in factor.ravel()]
        multiple = lcm(*(part.denominator for pair in pairs for part in pair))
        scale *= multiple
        parts.append([_integers([pair[k] * multiple for pair in pairs], factor.shape) for k in (0, 1)])
    (ur, ui), (vr, vi), (wr, wi) = parts
    real = _sum(ur, vr, wr) - _sum(ur, vi, wi) - _sum(ui, vr, wi) - _sum(ui, vi, wr)
    imaginary = _sum(ur, vr, wi) + _sum(ur, vi, wr) + _sum(ui, vr, wr) - _sum(ui, vi, wi)
    for i in range(n):
        for j in range(m):
            for k in range(p):
                real[i * m + j, j * p + k, k * n + i] -= scale
    if scheme.modulus:
        real, imaginary = real % scheme.modulus, imaginary % scheme.modulus
    return not real.any() and not imaginary.any()


def _integers(values: list[Any], shape: tuple[int, ...]) -> NDArray[np.object_]:
    result = np.empty(shape, dtype=object)
    result.ravel()[:] = [int(value) for value in values]
    return result


def _sum(u: NDArray[Any], v: NDArray[Any], w: NDArray[Any]) -> NDArray[Any]:
    if not (u.any() and v.any() and w.any()):
        return np.zeros((len(u), len(v), len(w)), dtype=object)
    result: NDArray[Any] = np.einsum("aq,bq,cq->abc", u, v, w)
    return result


def serve(connection: Connection, folder: str, memory: int) -> None:
    """Judge the files that come over a connection; an empty one asks for the peak of memory in bytes, and ends.

    Parameters
    ----------
    connection : Connection
    folder : str
        Where files are put.
    memory : int
        Address space in bytes that this process may use.
    """
    import sympy  # noqa: F401  # loaded before the clock starts

    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    path = Path(folder) / "scheme"
    while content := connection.recv_bytes():
        path.write_bytes(content)
        connection.send(judge(path))
    connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
