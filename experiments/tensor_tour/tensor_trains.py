"""Functions on grids as tensor trains, and vectors of 2⁴⁰ entries that are never formed."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from experiments.charts import BLUE, GREY, ORANGE, figure, save
from experiments.provenance import table
from mmdiscover.decompositions.tt.arithmetic import inner, matvec
from mmdiscover.decompositions.tt.matrix import TTMatrix
from mmdiscover.decompositions.tt.rounding import tt_round
from mmdiscover.decompositions.tt.svd import tt_svd
from mmdiscover.decompositions.tt.tensor_train import TensorTrain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

    from mmdiscover.decompositions.arguments import Array

ORDER, POINTS = 6, 10
"""Variables, and points of the grid on [0, 1] for each."""

BITS = 40
PERIODS = 123_456_789_012
"""Of the sine, over all 2⁴⁰ points."""

_COLOURS = (BLUE, ORANGE, GREY)
_NAMES = ("sin(x₁ + … + x₆)", "1 / (1 + x₁ + … + x₆)", "√(x₁² + … + x₆²)")


def functions() -> dict[str, Array]:
    """Three functions of six variables on the grid, a million values each."""
    grid = np.meshgrid(*[np.linspace(0, 1, POINTS)] * ORDER, indexing="ij", sparse=True)
    total = np.sum(np.broadcast_arrays(*grid), axis=0)
    squares = np.sum(np.broadcast_arrays(*[x**2 for x in grid]), axis=0)
    return dict(zip(_NAMES, (np.sin(total), 1 / (1 + total), np.sqrt(squares)), strict=True))


def middle_singular_values(tensor: Array) -> Array:
    """Singular values of the unfolding with half of the variables in its rows, relative to the first."""
    values = np.linalg.svd(tensor.reshape(POINTS ** (ORDER // 2), -1), compute_uv=False)
    return np.asarray(values / values[0])


def errors(tensor: Array, ranks: range) -> list[tuple[int, float]]:
    """Numbers kept and relative error of TT-SVD, for each rank."""
    norm = float(np.linalg.norm(tensor))
    trains = [tt_svd(tensor, rank) for rank in ranks]
    return [(train.parameters, float(np.linalg.norm(train.to_full() - tensor)) / norm) for train in trains]


def draw(tensors: dict[str, Array]) -> Figure:
    """Singular values on the left, errors on the right."""
    drawn, [left, right] = figure(11, 4.4, 1, 2)
    for (name, tensor), colour in zip(tensors.items(), _COLOURS, strict=True):
        values = middle_singular_values(tensor)[:40]
        left.plot(range(1, len(values) + 1), values, color=colour, marker="o", ms=3, lw=1, label=name)
        right.plot(*zip(*errors(tensor, range(1, 17)), strict=True), color=colour, marker="o", ms=3, lw=1)
    left.set(yscale="log", ylim=(1e-17, 3), xlabel="number", ylabel="singular value / first")
    left.set_title(f"Unfolding {POINTS}³ × {POINTS}³", loc="left")
    right.set(xscale="log", yscale="log", ylim=(1e-17, 3), xlabel="numbers kept", ylabel="relative error")
    right.axvline(POINTS**ORDER, color=GREY, lw=1, ls=":")
    right.annotate("all entries", (POINTS**ORDER, 1e-16), (-6, 0), textcoords="offset points", ha="right", color=GREY)
    right.set_title("TT-SVD with all ranks 1, 2, …, 16", loc="left")
    drawn.legend(loc="outside lower center", ncols=3, frameon=False)
    return drawn


def numbers() -> TensorTrain:
    """The vector 0, 1, …, 2⁴⁰ − 1; its indices are the bits, the most significant first."""
    cores = [np.array([[[1.0, 0.0], [1.0, 2.0 ** (BITS - 1 - k)]], [[0.0, 1.0], [0.0, 1.0]]]) for k in range(BITS)]
    return TensorTrain((cores[0][:1], *cores[1:-1], cores[-1][..., 1:]))


def sine(phase: float = 0.0) -> TensorTrain:
    """The vector sin(ωk + phase): each bit turns a pair of sine and cosine by its angle."""
    # Whole turns are left out in integers: a multiple of 2π this large has lost its digits.
    angles = [2 * np.pi * ((PERIODS << (BITS - 1 - k)) % 2**BITS) / 2**BITS for k in range(BITS)]
    cores = []
    for angle in angles:
        turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        cores.append(np.stack([np.eye(2), turn], axis=1))
    start = np.array([np.sin(phase), np.cos(phase)])
    return TensorTrain((np.tensordot(start, cores[0], 1)[None], *cores[1:-1], cores[-1][..., :1]))


def shift() -> TTMatrix:
    """The matrix that moves every entry to the next place and the last to the first: adding 1 in binary."""
    core = np.zeros((2, 2, 2, 2))
    for bit in range(2):
        for carry in range(2):
            core[(bit + carry) // 2, (bit + carry) % 2, bit, carry] = 1
    return TTMatrix((core.sum(axis=0, keepdims=True), *[core] * (BITS - 2), core[..., 1:]))


def long_vectors() -> list[list[str]]:
    """Sums over 2⁴⁰ terms beside their closed forms, with the time they took."""
    n = 2**BITS
    k, s, moved = numbers(), sine(), shift()
    omega = 2 * np.pi * PERIODS / n
    cases: list[tuple[str, Callable[[], float], float]] = [
        ("Σ k²", lambda: inner(k, k), (n - 1) * n * (2 * n - 1) / 6),
        ("Σ sin²(ωk)", lambda: inner(s, s), n / 2),
        ("Σ sin(ωk) sin(ω(k−1)), by the shift matrix", lambda: inner(s, matvec(moved, s)), n / 2 * np.cos(omega)),
        ("Σ sin⁴(ωk), by Hadamard product and rounding", lambda: tt_round(s * s, error=1e-13).norm() ** 2, 3 * n / 8),
        ("Σ k sin²(ωk)", lambda: inner(k, s * s), n**2 / 4),
        ("‖shifted sine − sin(ω(k−1))‖ / ‖sine‖", lambda: (moved @ s - sine(-omega)).norm() / s.norm(), 0.0),
    ]
    rows = []
    for name, compute, known in cases:
        begun = perf_counter()
        found = compute()
        milliseconds = 1e3 * (perf_counter() - begun)
        error = abs(found - known) / known if known else abs(found)
        rows.append([name, f"{found:.10g}", f"{known:.10g}", f"{error:.1e}", f"{milliseconds:.1f}"])
    return rows


def run(pictures: Path) -> list[str]:
    """Measure, draw, and describe."""
    tensors = functions()
    picture = pictures / "tensor_tour_tensor_trains_functions.png"
    save(draw(tensors), picture)
    rows = []
    for name, tensor in tensors.items():
        for error in (1e-4, 1e-8):
            train = tt_svd(tensor, error=error)
            reached = float(np.linalg.norm(train.to_full() - tensor) / np.linalg.norm(tensor))
            rows.append([name, f"{error:g}", train.ranks, train.parameters, f"{reached:.1e}"])
    rounded = tt_round(sine() * sine(), error=1e-13)
    return [
        "## Tensor trains",
        "",
        f"Functions of {ORDER} variables on a grid of {POINTS} points each, {POINTS**ORDER:,} values, by TT-SVD. The",
        "smoother the function, the faster the singular values of its unfoldings fall, and the fewer numbers a train",
        "needs. The sine of a sum has ranks 2 whatever the number of variables; the distance from the origin is not",
        "smooth there.",
        "",
        f"![Singular values and errors]({picture.name})",
        "",
        *table(("function", "error asked for", "ranks", "numbers kept", "error reached"), rows),
        "",
        f"Vectors of 2^{BITS} entries, about 10¹², never formed: their index is written in binary, one core for each",
        f"bit. The vector k = 0, 1, … has ranks 2, and so has sin(ωk), here with {PERIODS:,} periods; its square",
        f"has ranks {max((sine() * sine()).ranks)}, {max(rounded.ranks)} after rounding. Sums over all entries:",
        "",
        *table(("sum", "found", "known", "relative error", "ms"), long_vectors()),
        "",
    ]


if __name__ == "__main__":
    import sys
    from pathlib import Path

    print("\n".join(run(Path(sys.argv[1]))))
