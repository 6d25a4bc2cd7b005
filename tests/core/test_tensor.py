"""The tensor, against the definition of the matrix product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from mmdiscover.core import tensor
from mmdiscover.core.format import Format
from mmdiscover.core.tensor import matmul_tensor, matmul_triples, physical_memory, require_memory
from mmdiscover.errors import CapacityError
from tests.strategies import formats


@given(formats)
def test_the_tensor_multiplies_matrices(fmt: Format) -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(-9, 9, size=(fmt.n, fmt.m)).astype(float)
    b = rng.integers(-9, 9, size=(fmt.m, fmt.p)).astype(float)
    c = np.einsum("abc,a,b->c", matmul_tensor(fmt), a.ravel(), b.ravel())
    assert (c.reshape(fmt.p, fmt.n) == (a @ b).T).all()


@given(formats)
def test_triples_are_the_ones_of_the_tensor(fmt: Format) -> None:
    triples = matmul_triples(fmt)
    assert triples.shape == (fmt.classical_rank, 3)
    assert {tuple(row) for row in triples.tolist()} == {tuple(row) for row in np.argwhere(matmul_tensor(fmt)).tolist()}


def test_entries_of_2x1x2() -> None:
    assert matmul_triples(Format(2, 1, 2)).tolist() == [[0, 0, 0], [0, 1, 2], [1, 0, 1], [1, 1, 3]]


def test_what_does_not_fit_in_memory_is_refused() -> None:
    with pytest.raises(CapacityError, match=r"the tensor of 999x999x999 needs .* GiB, expected at most .* GiB"):
        matmul_tensor(Format(999, 999, 999))
    with pytest.raises(CapacityError, match="the index list of 99999x99999x99999 needs"):
        matmul_triples(Format(99999, 99999, 99999))


def test_half_of_the_memory_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor, "physical_memory", lambda: 2048)
    require_memory(1024, "this")
    with pytest.raises(CapacityError):
        require_memory(1025, "this")


def test_memory_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert physical_memory() > 2**20

    def silent(_: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr("os.sysconf", silent)
    assert physical_memory() == 16 * 2**30
