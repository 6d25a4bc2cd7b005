"""The chain rule, rows at cells and Gram matrices of each form against dense einsum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmdiscover.decompositions.cp.tensor import CPTensor, random_cp
from mmdiscover.decompositions.fitting.forms import form_of, layout
from mmdiscover.decompositions.products import mttkrp
from tests.decompositions.fitting.examples import FORMS, planted

if TYPE_CHECKING:
    from mmdiscover.decompositions.arguments import Array

SHAPE = (4, 3, 5)


def jacobian(form: Any, blocks: list[Array], block: int) -> Array:
    """dW/dblock as a dense matrix, from the entries of the block one by one: W is linear in it."""
    columns = []
    for entry in range(blocks[block].size):
        unit = np.zeros(blocks[block].size)
        unit[entry] = 1
        columns.append(form.full([*blocks[:block], unit.reshape(blocks[block].shape), *blocks[block + 1 :]]).ravel())
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("shape", [SHAPE, (3, 4), (2, 3, 2, 3)])
@pytest.mark.parametrize("name", FORMS)
class TestForm:
    def test_is_the_tensor(self, name: str, shape: tuple[int, ...]) -> None:
        model = planted(name, shape, 2, 1)
        form, blocks = form_of(model)
        np.testing.assert_allclose(form.full(blocks), model.to_full(), atol=1e-12)
        np.testing.assert_allclose(form.build(blocks).to_full(), model.to_full(), atol=1e-12)

    def test_pullback_is_the_transposed_jacobian(self, name: str, shape: tuple[int, ...]) -> None:
        form, blocks = form_of(planted(name, shape, 2, 1))
        tensors = np.random.default_rng(0).standard_normal((3, *shape))
        for block, array in enumerate(blocks):
            expected = tensors.reshape(3, -1) @ jacobian(form, blocks, block)
            np.testing.assert_allclose(form.pullback(blocks, block, tensors).reshape(3, array.size), expected)

    def test_rows_make_entries(self, name: str, shape: tuple[int, ...]) -> None:
        form, blocks = form_of(planted(name, shape, 2, 1))
        cells = np.argwhere(np.ones(shape))
        picked = [form.picked(blocks, block, list(cells.T)) for block in range(len(blocks))]
        for block, array in enumerate(blocks):
            mode = form.mode(block)
            slices = form.slices(array, block)[cells[:, mode] if mode is not None else np.zeros(len(cells), int)]
            entries = np.sum(form.rows(picked, block) * slices, axis=1)
            np.testing.assert_allclose(entries, form.full(blocks).ravel(), atol=1e-12)

    def test_gram_gives_the_norm(self, name: str, shape: tuple[int, ...]) -> None:
        form, blocks = form_of(planted(name, shape, 2, 1))
        for block, array in enumerate(blocks):
            sliced = form.slices(array, block)
            square = np.einsum("ip,pq,iq->", sliced, form.gram(blocks, block), sliced)
            assert square == pytest.approx(np.sum(form.full(blocks) ** 2))
            np.testing.assert_array_equal(form.unsliced(sliced, block, array.shape), array)


def test_pullback_of_cp_is_the_mttkrp() -> None:
    model = random_cp(SHAPE, 3, seed=2)
    form, blocks = form_of(model)
    tensor = np.random.default_rng(0).standard_normal(SHAPE)
    for mode in range(3):
        np.testing.assert_allclose(form.pullback(blocks, mode, tensor[None])[0], mttkrp(tensor, blocks, mode))


def test_weights_go_into_the_first_factor() -> None:
    model = CPTensor(random_cp(SHAPE, 2, seed=1).factors, np.array([2.0, -3.0]))
    form, blocks = form_of(model)
    np.testing.assert_allclose(form.full(blocks), model.to_full())


@pytest.mark.parametrize(("name", "rank"), [("cp", 2), ("tucker", (2, 3, 2)), ("tt", (2, 4))])
def test_free_numbers_are_the_rank_of_the_jacobian(name: Any, rank: Any) -> None:
    form, shapes, free = layout(name, (4, 5, 6), rank)
    rng = np.random.default_rng(0)
    blocks = [rng.standard_normal(shape) for shape in shapes]
    whole = np.hstack([jacobian(form, blocks, block) for block in range(len(blocks))])
    assert np.linalg.matrix_rank(whole) == free


def test_free_numbers_of_a_matrix() -> None:
    assert layout("cp", (6, 7), 3)[2] == 3 * (6 + 7 - 3)


@pytest.mark.parametrize(
    ("name", "shape", "rank", "message"),
    [
        ("hosvd", SHAPE, 2, "form is 'hosvd', expected one of"),
        ("cp", SHAPE, 0, "rank is 0, expected an integer of at least 1"),
        ("cp", SHAPE, (2, 2), "rank is .2, 2., expected an integer"),
        ("cp", (5,), 1, "expected at least 2 modes"),
        ("tucker", SHAPE, (2, 4, 2), r"rank\[1\] is 4, expected an integer of at least 1 and at most 3"),
        ("tucker", SHAPE, (1, 3, 2), r"rank\[1\] is 3, expected at most 2, the product of the others"),
        ("tt", SHAPE, (5, 2), "expected an integer of at least 1 and at most 4"),
    ],
)
def test_ranks_that_do_not_fit_are_named(name: Any, shape: tuple[int, ...], rank: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layout(name, shape, rank)


def test_other_models_are_refused() -> None:
    with pytest.raises(ValueError, match="model_start is a ndarray, expected a CPTensor"):
        form_of(np.ones(SHAPE))  # type: ignore[type-var]
    with pytest.raises(ValueError, match="model_start is complex"):
        form_of(random_cp(SHAPE, 2, dtype=complex))
