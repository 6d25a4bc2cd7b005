"""The single-topic model of documents, learnt by the method of moments.

Theorem 3.1 of Anandkumar, Ge, Hsu, Kakade and Telgarsky, JMLR 15 (2014), arXiv:1210.7559. A document has one topic h
with probability wₕ, and its words are drawn independently from the distribution μₕ. With x₁, x₂, x₃ the unit vectors
of three of its words, E[x₁ ∘ x₂] = Σ wₕ μₕ ∘ μₕ and E[x₁ ∘ x₂ ∘ x₃] = Σ wₕ μₕ ∘ μₕ ∘ μₕ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import LinearOperator

from mmdiscover.decompositions.arguments import as_real_array, check_count
from mmdiscover.decompositions.latent.components import (
    Components,
    as_distribution,
    check_components,
    check_probabilities,
)
from mmdiscover.decompositions.latent.cubes import sum_of_cubes, symmetrized
from mmdiscover.decompositions.latent.tensor_power import PowerSettings, tensor_power
from mmdiscover.decompositions.latent.whitening import whitening
from mmdiscover.decompositions.outcome import Fitted

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from mmdiscover.decompositions.arguments import Array, Seed

DENSE_WORDS = 1500
"""Up to so many words the second moment is a dense matrix; above, only its products with vectors are formed."""


@dataclass(frozen=True, eq=False)
class TopicModel:
    """Topics as distributions over words, with their probabilities.

    Parameters
    ----------
    topics : array_like, shape (k, d)
        Word probabilities μₕ in rows.
    weights : array_like, shape (k,)
        Probabilities wₕ of the topics.

    Raises
    ------
    ValueError
        If topics or weights are not probabilities, or not as many.
    """

    topics: Array
    weights: Array

    def __post_init__(self) -> None:
        topics, weights = check_components("topics", self.topics, self.weights)
        check_probabilities("topics", topics)
        check_probabilities("weights", weights)
        object.__setattr__(self, "topics", topics)
        object.__setattr__(self, "weights", weights)

    @property
    def components(self) -> Components:
        """Topics and weights, with their exact moments M₂ and M₃."""
        return Components(self.topics, self.weights)

    def sample(self, documents: int, length: ArrayLike, *, seed: Seed = 0) -> tuple[Any, NDArray[np.intp]]:
        """Independent documents.

        Parameters
        ----------
        documents : int
            How many.
        length : int or array_like of int, shape (documents,)
            Number of words of each document.
        seed : int, SeedSequence or Generator

        Returns
        -------
        counts : scipy.sparse.csr_array of float64, shape (documents, d)
            How often each word occurs in each document.
        labels : ndarray of int, shape (documents,)
            The topic of each document.
        """
        check_count("documents", documents)
        given = np.asarray(length)
        if given.dtype.kind not in "iu" or given.shape not in {(), (documents,)} or given.min() < 1:
            raise ValueError(f"length is {length!r}, expected a positive integer, or one for each of {documents}")
        lengths = np.broadcast_to(given, documents)
        rng = np.random.default_rng(seed)
        labels = rng.choice(len(self.weights), size=documents, p=as_distribution(self.weights))
        rows, size = np.repeat(np.arange(documents), lengths), self.topics.shape[1]
        words = np.empty(len(rows), dtype=np.intp)
        for topic, distribution in enumerate(self.topics):
            places = np.flatnonzero((labels == topic)[rows])
            cumulative = np.cumsum(distribution)
            words[places] = np.searchsorted(cumulative / cumulative[-1], rng.random(len(places)), side="right")
        counts = scipy.sparse.csr_array((np.ones(len(rows)), (rows, words)), shape=(documents, size))
        counts.sum_duplicates()
        return counts, labels


def topic_second_moment(counts: Any) -> Array:
    """M₂, the share of each pair of words among the ordered pairs of distinct places of a document, averaged.

    An unbiased estimate of Σ wₕ μₕ ∘ μₕ (a U-statistic): with c the counts of a document of ℓ words,
    (c ∘ c − diag c) / (ℓ(ℓ − 1)).

    Parameters
    ----------
    counts : array_like or scipy.sparse array, shape (n, d)
        How often each word occurs in each document. Documents of less than three words are left out; the others
        count alike.

    Returns
    -------
    ndarray, shape (d, d)

    Raises
    ------
    ValueError
        If a count is negative, not finite or not whole, or no document has three words.
    """
    return _dense_second_moment(_check_counts(counts))


def topic_third_moment(counts: Any, projection: ArrayLike | None = None) -> Array:
    """M₃, the share of each three words among the ordered triples of distinct places, averaged; or its projection.

    An unbiased estimate of Σ wₕ μₕ ∘ μₕ ∘ μₕ: with c the counts of a document of ℓ words,
    (c ∘ c ∘ c − Σⱼ cⱼ (eⱼ ∘ eⱼ ∘ c + eⱼ ∘ c ∘ eⱼ + c ∘ eⱼ ∘ eⱼ) + 2 Σⱼ cⱼ eⱼ ∘ eⱼ ∘ eⱼ) / (ℓ(ℓ − 1)(ℓ − 2)).

    Parameters
    ----------
    counts : array_like or scipy.sparse array, shape (n, d)
        As for `topic_second_moment`.
    projection : array_like, shape (d, k), optional
        W, for M₃(W, W, W) without d³ numbers; the identity when left out.

    Returns
    -------
    ndarray, shape (k, k, k), or (d, d, d) without a projection
    """
    documents = _check_counts(counts)
    size = documents.shape[1]
    matrix = np.eye(size) if projection is None else as_real_array("projection", projection, 2)
    if len(matrix) != size:
        raise ValueError(f"projection has {len(matrix)} rows, expected {size}, the number of words")
    return _third_moment(documents, matrix)


def fit_topics(
    counts: Any, components: int, *, settings: PowerSettings | None = None, seed: Seed = 0
) -> Fitted[TopicModel]:
    """Topics and their probabilities from the second and third moments of the words of documents.

    With n documents the errors fall like 1/√n. The topics must be linearly independent. What the moments give is
    projected on the simplex (the nearest probability distribution), and the weights are divided by their sum.

    Parameters
    ----------
    counts : array_like or scipy.sparse array, shape (n, d)
        How often each word occurs in each document; those of less than three words are left out.
    components : int
        Number k of topics, at most d.
    settings : PowerSettings
    seed : int, SeedSequence or Generator
        Of the starts of the power method.

    Returns
    -------
    Fitted[TopicModel]
        Status and history are those of `tensor_power` on the whitened third moment, whose last entry is what the k
        topics leave of it.

    Raises
    ------
    ValueError
        If a count is negative, not finite or not whole, there are fewer documents (of at least three words) than
        topics or fewer words than topics, or the second moment has fewer than k positive eigenvalues.

    Warns
    -----
    WeakSignalWarning
        If an eigenvalue of the second moment that is needed does not stand out of the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from mmdiscover.decompositions import match_components
    >>> truth = TopicModel(np.array([[0.5, 0.3, 0.2, 0.0], [0.0, 0.1, 0.3, 0.6]]), np.array([0.3, 0.7]))
    >>> counts, _ = truth.sample(100_000, 10)
    >>> found = fit_topics(counts, 2).model
    >>> match_components(found.topics, truth.topics).error < 0.01
    True
    """
    documents = _check_counts(counts)
    count, size = documents.shape
    check_count("components", components, 1, size)
    if count < components:
        raise ValueError(f"counts has {count} documents of at least three words, expected at least {components}")
    # Lanczos iterations cannot find nearly all eigenvalues.
    dense = size <= max(DENSE_WORDS, components + 1)
    white = whitening(_dense_second_moment(documents) if dense else _second_moment_operator(documents), components)
    fitted = tensor_power(_third_moment(documents, white.whitener), components, settings=settings, seed=seed)
    found = white.unwhiten(fitted.model)
    model = TopicModel(project_on_simplex(found.vectors), found.weights / found.weights.sum())
    return Fitted(model, fitted.status, fitted.history)


def project_on_simplex(vectors: ArrayLike) -> Array:
    """The nearest probability distributions (in the Euclidean distance).

    Duchi, Shalev-Shwartz, Singer and Chandra, Efficient projections onto the l1-ball, ICML 2008.

    Parameters
    ----------
    vectors : array_like, shape (k, d)
        Each row is projected.

    Returns
    -------
    ndarray, shape (k, d)

    Examples
    --------
    >>> project_on_simplex([[0.75, 0.75, 0.0], [2.0, 0.0, -1.0]])
    array([[0.5, 0.5, 0. ],
           [1. , 0. , 0. ]])
    """
    rows = as_real_array("vectors", vectors, 2)
    descending = -np.sort(-rows, axis=1)
    excess = (np.cumsum(descending, axis=1) - 1) / np.arange(1, rows.shape[1] + 1)
    kept = np.sum(descending > excess, axis=1)
    projected: Array = np.maximum(rows - excess[np.arange(len(rows)), kept - 1][:, None], 0)
    return projected


def _check_counts(counts: Any) -> Any:
    """The documents of at least three words as a sparse array of float64."""
    given: Any = counts if scipy.sparse.issparse(counts) else as_real_array("counts", counts, 2)
    if given.ndim != 2:
        raise ValueError(f"counts has {given.ndim} modes (shape {given.shape}), expected 2")
    array: Any = scipy.sparse.csr_array(given)
    if array.nnz:
        as_real_array("counts", array.data)
    array = array.astype(np.float64, copy=False)
    if array.nnz and array.data.min() < 0:
        raise ValueError(f"counts has the entry {array.data.min():g}, expected numbers of occurrences")
    if (array.data != np.rint(array.data)).any():
        raise ValueError("counts has entries that are not whole, expected numbers of occurrences")
    long_enough = array.sum(axis=1) >= 3
    if not long_enough.any():
        raise ValueError(f"counts has {array.shape[0]} documents, expected at least one of three words or more")
    return array if long_enough.all() else array[long_enough]


def _shares(documents: Any, places: int) -> Array:
    """1/(n ℓ(ℓ − 1)⋯) for each of n documents: one over the ordered choices of so many distinct places."""
    lengths = documents.sum(axis=1)
    choices = np.prod([lengths - place for place in range(places)], axis=0)
    shares: Array = 1 / (documents.shape[0] * choices)
    return shares


def _dense_second_moment(documents: Any) -> Array:
    shares = _shares(documents, 2)
    weighted = documents.multiply(np.sqrt(shares)[:, None]).tocsr()
    # Rounding in the sparse product is not the same above and below the diagonal.
    moment: Array = (weighted.T @ weighted).toarray() - np.diag(documents.T @ shares)
    return (moment + moment.T) / 2


def _second_moment_operator(documents: Any) -> LinearOperator:
    shares = _shares(documents, 2)
    same_place = documents.T @ shares
    transposed = documents.T.tocsr()

    def product(vector: Array) -> Array:
        vector = vector.ravel()
        result: Array = transposed @ (shares * (documents @ vector)) - same_place * vector
        return result

    return LinearOperator((documents.shape[1],) * 2, matvec=product, dtype=np.dtype(np.float64))


def _third_moment(documents: Any, projection: Array) -> Array:
    shares = _shares(documents, 3)
    projected = documents @ projection
    cubes = sum_of_cubes(projected, weights=shares)
    # Σₙ ωₙ cₙⱼ yₙ for every word j, so that pairs of equal places need no sum over documents inside a sum over words.
    with_word = documents.T @ (shares[:, None] * projected)
    size = projection.shape[1]
    squares = (projection[:, :, None] * projection[:, None, :]).reshape(-1, size**2)
    two_equal = (with_word.T @ squares).reshape((size,) * 3)
    three_equal = ((projection * (documents.T @ shares)[:, None]).T @ squares).reshape((size,) * 3)
    corrected: Array = cubes - symmetrized(two_equal) + 2 * three_equal
    return corrected
