"""Two-core sweeps that fit a tensor train to samples (Stoudenmire, Schwab, NeurIPS 2016, arXiv:1605.05775).

Two neighbouring cores are merged, the mode of the outputs with them; all others contracted with the samples are their
left and right environments, so that the values f = Σ left ⊗ merged core ⊗ right are linear in the merged core and a
convex loss is convex in it. It is lowered by a Newton step (`merged`), then split by a truncated singular value
decomposition, which chooses the rank. Moving on by one core renews one environment: a sweep costs O(m n k d² R²)
operations and keeps O(m n R) numbers.

All cores but the merged one are orthonormal up to a number, chosen such that each environment has root mean square 1
over the samples: without it values of n = 784 inputs would over- or underflow, and the l2 penalty would mean another
thing at every core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmdiscover.decompositions.arguments import check_count, check_number
from mmdiscover.decompositions.cp.tensor import normal
from mmdiscover.decompositions.learning.merged import MergedCore
from mmdiscover.decompositions.learning.tt_function import right_environments, row_products
from mmdiscover.decompositions.matrices import robust_svd
from mmdiscover.decompositions.tt.tensor_train import TensorTrain

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array, Seed
    from mmdiscover.decompositions.learning.losses import Loss

CONSTANT_CUTOFF = 1e-6
"""Share of the largest singular value below which features of the start count as dependent."""


@dataclass(frozen=True)
class SweepSettings:
    """How a tensor train is fitted.

    Parameters
    ----------
    max_rank : int
        No rank becomes larger.
    cutoff : float
        Singular values of a merged core below this share of its largest are cut off.
    l2 : float
        Weight of ½‖merged core‖² in its objective; environments have root mean square 1.
    steps : int
        Conjugate-gradient steps for the Newton direction of a merged core. Few of them regularise.
    max_sweeps : int
        Each there and back.
    tolerance : float
        Converged when a sweep changes the objective by no more than this share.
    start_rank : int
        Ranks of the start.
    """

    max_rank: int = 20
    cutoff: float = 1e-6
    l2: float = 1e-3
    steps: int = 5
    max_sweeps: int = 10
    tolerance: float = 0.02
    start_rank: int = 2

    def __post_init__(self) -> None:
        check_count("max_rank", self.max_rank)
        check_number("cutoff", self.cutoff)
        check_number("l2", self.l2)
        check_count("steps", self.steps)
        check_count("max_sweeps", self.max_sweeps)
        check_number("tolerance", self.tolerance)
        check_count("start_rank", self.start_rank)


class Sweeps:
    """A train being fitted: its cores, the environments of all samples, and the merged core.

    Parameters
    ----------
    features : ndarray, shape (m, n, d)
        n ≥ 2. The arithmetic is done in their precision.
    targets : ndarray, shape (m, k)
    loss : Loss
    settings : SweepSettings
    seed : int, SeedSequence or Generator
        Of the start.
    """

    def __init__(
        self, features: Array, targets: Array, loss: Loss, settings: SweepSettings | None = None, *, seed: Seed = 0
    ) -> None:
        if features.shape[1] < 2:
            raise ValueError(f"inputs have {features.shape[1]} columns, expected at least 2")
        self._features, self._loss, self._settings = features, loss, settings or SweepSettings()
        self._targets = targets.astype(features.dtype, copy=False)
        samples, sites, _ = features.shape
        self._cores = _start(features, self._settings.start_rank, np.random.default_rng(seed))
        self._left: list[Array] = [np.ones((samples, 1), features.dtype)] * sites
        self._right = right_environments(self._cores, features)[1:]
        self._singular_values: list[Array] = [np.ones(1)] * (sites - 1)
        self._site = 0
        right = self._cores[1]
        self._merged = np.zeros(
            (features.shape[2], targets.shape[1], right.shape[1] * right.shape[2]), dtype=features.dtype
        )

    @property
    def ranks(self) -> tuple[int, ...]:
        """Ranks between neighbouring inputs, n − 1 of them, as the singular values chose them."""
        return tuple(len(values) for values in self._singular_values)

    @property
    def singular_values(self) -> list[Array]:
        """Those kept between neighbouring inputs when the merged core was last split there."""
        return list(self._singular_values)

    def objective(self) -> float:
        """Mean loss plus penalty of the merged core as it is."""
        return self._problem().value_and_gradient(self._merged)[0]

    def values(self) -> Array:
        """F at all samples, shape (m, k)."""
        return self._problem().values(self._merged)

    def sweep(self) -> None:
        """Improve every merged core on the way to the last pair and back to the first."""
        last = len(self._cores) - 2
        self._improve()
        for _ in range(last):
            self._move_right()
            self._improve()
        for _ in range(last):
            self._move_left()
            self._improve()

    def weights(self) -> TensorTrain:
        """The train, shape (k, d, …, d), when a sweep has ended."""
        assert self._site == 0
        merged = self._merged
        d, outputs, _ = merged.shape
        rows, values, first = _split(merged.transpose(1, 0, 2).reshape(outputs, -1), outputs, 0.0)
        head = (rows * values)[None]
        rank = len(values)
        rows, values, rest = _split(first.reshape(rank * d, -1), rank * d, 0.0)
        pair = [(rows * values).reshape(rank, d, -1), rest.reshape(len(rest), d, -1)]
        return TensorTrain((head, *pair, *self._cores[2:]))

    def _problem(self) -> MergedCore:
        site = self._site
        left = row_products(self._left[site], self._features[:, site])
        right = row_products(self._features[:, site + 1], self._right[site + 1])
        return MergedCore(left, right, self._targets, self._loss, self._settings.l2)

    def _improve(self) -> None:
        self._merged = self._problem().newton_step(self._merged, self._settings.steps)

    def _move_right(self) -> None:
        """Split off the left core and merge what stays with the next core on the right."""
        site, merged = self._site, self._merged
        a, outputs, b = merged.shape
        core, environment, centre = self._take(
            merged.reshape(a, outputs * b), row_products(self._left[site], self._features[:, site])
        )
        rank, following = core.shape[1], self._cores[site + 2]
        d = self._features.shape[2]
        self._cores[site] = core.reshape(-1, d, rank)
        self._left[site + 1] = environment
        pair = centre.reshape(rank * outputs * d, -1) @ following.reshape(len(following), -1)
        self._merged = pair.reshape(rank, outputs, d, -1).transpose(0, 2, 1, 3).reshape(rank * d, outputs, -1)
        self._site += 1

    def _move_left(self) -> None:
        """Split off the right core and merge what stays with the next core on the left."""
        site, merged = self._site, self._merged
        a, outputs, b = merged.shape
        core, environment, centre = self._take(
            merged.transpose(2, 1, 0).reshape(b, outputs * a),
            row_products(self._features[:, site + 1], self._right[site + 1]),
        )
        rank, preceding = core.shape[1], self._cores[site - 1]
        d = self._features.shape[2]
        self._cores[site + 1] = core.T.reshape(rank, d, -1)
        self._right[site] = environment
        stays = centre.reshape(rank, outputs, -1, d).transpose(2, 1, 3, 0)
        pair = preceding.reshape(-1, preceding.shape[2]) @ stays.reshape(len(stays), -1)
        self._merged = pair.reshape(-1, outputs, d * rank)
        self._site -= 1

    def _take(self, matrix: Array, grown: Array) -> tuple[Array, Array, Array]:
        """Split a merged core whose rows are those of one core: that core, its environment, what stays."""
        rows, values, rest = _split(matrix, self._settings.max_rank, self._settings.cutoff)
        self._singular_values[self._site] = values
        environment = grown @ rows
        size = _root_mean_square(environment)
        return rows / size, environment / size, (values * size)[:, None] * rest


def _split(matrix: Array, rank: int, cutoff: float) -> tuple[Array, Array, Array]:
    """The singular value decomposition without what lies below the cutoff or beyond the rank."""
    rows, values, columns = robust_svd(matrix)
    kept = max(1, min(rank, int(np.sum(values > cutoff * values[0]))))
    return rows[:, :kept], values[:kept], columns[:kept]


def _root_mean_square(environment: Array) -> float:
    """Of the lengths of the rows; 1 where all are zero."""
    return float(np.linalg.norm(environment)) / np.sqrt(len(environment)).item() or 1.0


def _start(features: Array, rank: int, rng: np.random.Generator) -> list[Array]:
    """Cores whose environments are 1, as nearly as can be at all samples, and random functions beside it.

    Products of random matrices, even near the identity, would make the environments of some samples vanish beside those
    of others, by 10²⁰ with 784 inputs; random functions that take in the 1 again at every core do not.
    """
    samples, sites, d = features.shape
    ones = np.ones(samples, dtype=features.dtype)
    cores: list[Array] = [np.empty(0)] * sites
    environment = ones[:, None]
    for site in range(sites - 1, -1, -1):
        grown = row_products(features[:, site], environment)
        core = normal(rng, (rank if site else 1, grown.shape[1]), features.dtype)
        core[0] = np.linalg.lstsq(grown, ones, rcond=CONSTANT_CUTOFF)[0]
        environment = grown @ core.T
        sizes = np.array([_root_mean_square(column) for column in environment.T[:, :, None]], features.dtype)
        sizes *= np.sqrt(len(core)).item()
        cores[site], environment = (core / sizes[:, None]).reshape(len(core), d, -1), environment / sizes
    return cores
