"""What a collection of schemes gives for other formats, by the moves of `mmdiscover.discrete.formats`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations_with_replacement
from itertools import product as pairs
from typing import TYPE_CHECKING

from mmdiscover.core.format import Format
from mmdiscover.core.symmetry import permute
from mmdiscover.discrete.formats import best_projection, classical, extend, merge, product, resized
from mmdiscover.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mmdiscover.core.scheme import Scheme


class Move(StrEnum):
    """Where a scheme comes from."""

    KNOWN = "known"
    CLASSICAL = "classical"
    PROJECT = "project"
    EXTEND = "extend"
    MERGE = "merge"
    PRODUCT = "product"


@dataclass(frozen=True, eq=False)
class Recipe:
    """How to make a scheme; nothing is computed before `build`.

    Parameters
    ----------
    format : Format
    rank : int
        So many products at most: fewer where a known scheme has superfluous ones.
    move : Move
    parents : tuple of Recipe
        What the move is applied to, in the orders of their formats that fit; none for known and classical schemes.
    dimension : int
        Of the parents, along which they are projected, extended or joined.
    scheme : Scheme or None
        The scheme itself, in any order of the format, where it exists already: known ones and projections.
    modulus : {0, 2}
        Of a classical scheme.
    """

    format: Format
    rank: int
    move: Move
    parents: tuple[Recipe, ...] = ()
    dimension: int = 0
    scheme: Scheme | None = None
    modulus: int = 0

    def build(self) -> Scheme:
        """The scheme, in the order of `format`."""
        if self.scheme is not None:
            found = self.scheme
        elif self.move is Move.CLASSICAL:
            found = classical(self.format, self.modulus)
        else:
            first, *others = [parent.build() for parent in self.parents]
            if self.move is Move.EXTEND:
                found = extend(first, self.dimension)
            elif self.move is Move.MERGE:
                found = merge(first, others[0], self.dimension)
            else:
                found = product(first, others[0])
        return found if found.format == self.format else permute(found, self.format)

    def __str__(self) -> str:
        parents = f" of {' and '.join(f'{parent.format}:{parent.rank}' for parent in self.parents)}"
        return f"{self.format}:{self.rank}, {self.move}{parents if self.parents else ''}"


def starts_for(fmt: Format, known: Mapping[Format, Scheme], modulus: int = 0) -> list[Recipe]:
    """The schemes of a format that one move makes out of known ones.

    Parameters
    ----------
    fmt : Format
        In any order.
    known : mapping of Format to Scheme
        One scheme per sorted format, all of the same modulus; formats with a size of 1 need not be there.
    modulus : {0, 2}
        Of the schemes.

    Returns
    -------
    list of Recipe
        Ascending in rank. Among them are the classical scheme and the known one of this format itself. Of the
        projections of one parent there is the best (see `best_projection`).

    Raises
    ------
    InputError
        If a scheme of `known` has another format than its key, or another modulus.
    """
    table = _known_recipes(known, modulus)
    target = fmt.sorted()
    found = [_classical(target, modulus)]
    found += [table[target]] if target in table else []
    found += _combinations(target, table, modulus)
    larger = {resized(target, dimension, target.sizes[dimension] + 1).sorted() for dimension in range(3)}
    for parent in sorted(larger & table.keys()):
        fitting = [recipe for recipe in _projections(table[parent]) if recipe.format == target]
        found += sorted(fitting, key=lambda recipe: recipe.rank)[:1]
    return [replace(recipe, format=fmt) for recipe in sorted(found, key=lambda recipe: recipe.rank)]


def closure(known: Mapping[Format, Scheme], limit: int, modulus: int = 0) -> dict[Format, Recipe]:
    """The least rank of each format that moves reach from known schemes, one after the other.

    Merges, extensions and products are tried in all ways until no rank falls any more. Projections are greedy: of each
    format only the scheme of least rank is projected, in each dimension. Merged schemes are not: a projection of
    theirs is a merge of projections.

    Parameters
    ----------
    known : mapping of Format to Scheme
        As in `starts_for`; formats beyond `limit` are projected only.
    limit : int
        Largest size, at least 2.
    modulus : {0, 2}
        Of the schemes.

    Returns
    -------
    dict
        A recipe for each sorted format with sizes from 2 to `limit`, by ascending classical rank.

    Raises
    ------
    InputError
        If a scheme of `known` has another format than its key, or another modulus, or the limit is below 2.
    """
    if limit < 2:
        raise InputError(f"limit is {limit!r}, expected an integer >= 2")
    box = [Format(*sizes) for sizes in combinations_with_replacement(range(2, limit + 1), 3)]
    box.sort(key=lambda fmt: fmt.classical_rank)
    best = {fmt: _classical(fmt, modulus) for fmt in box} | _known_recipes(known, modulus)
    projected: dict[Format, Recipe] = {}
    changed = True
    while changed:
        for fmt in box:  # the parts of a format are before it
            for recipe in _combinations(fmt, best, modulus):
                _keep(best, recipe)
        changed = False
        for fmt, parent in list(best.items()):
            if parent.move in (Move.KNOWN, Move.PROJECT, Move.PRODUCT) and projected.get(fmt) is not parent:
                projected[fmt] = parent
                for recipe in _projections(parent):
                    changed |= _keep(best, recipe)
    return {fmt: best[fmt] for fmt in box}


def _keep(best: dict[Format, Recipe], recipe: Recipe) -> bool:
    """Put a recipe in its place if it is better than what is there."""
    better = recipe.format not in best or recipe.rank < best[recipe.format].rank
    if better:
        best[recipe.format] = recipe
    return better


def _known_recipes(known: Mapping[Format, Scheme], modulus: int) -> dict[Format, Recipe]:
    for fmt, scheme in known.items():
        if scheme.format.sorted() != fmt:
            raise InputError(f"the scheme {scheme.name} stands under {fmt}, expected {scheme.format.sorted()}")
        if scheme.modulus != modulus:
            raise InputError(f"the scheme {scheme.name} has modulus {scheme.modulus}, expected {modulus}")
    return {fmt: Recipe(fmt, scheme.rank, Move.KNOWN, scheme=scheme) for fmt, scheme in known.items()}


def _classical(fmt: Format, modulus: int) -> Recipe:
    return Recipe(fmt, fmt.classical_rank, Move.CLASSICAL, modulus=modulus)


def _part(fmt: Format, table: Mapping[Format, Recipe], modulus: int) -> Recipe | None:
    """The best that is known for a format, in its order; with a size of 1 the classical scheme is the best there is."""
    if 1 in fmt.sizes:
        return _classical(fmt, modulus)
    recipe = table.get(fmt.sorted())
    return recipe and replace(recipe, format=fmt)


def _combinations(fmt: Format, table: Mapping[Format, Recipe], modulus: int) -> Iterator[Recipe]:
    """Products, extensions and merges that make a sorted format, other than the classical scheme."""
    # Products come first: at equal rank they are kept, and closure projects them.
    for outer, inner in _factorisations(fmt):
        first, second = _part(outer, table, modulus), _part(inner, table, modulus)
        if first and second and not first.move == second.move == Move.CLASSICAL:
            yield Recipe(fmt, first.rank * second.rank, Move.PRODUCT, (first, second))
    for dimension, size in enumerate(fmt.sizes):
        if dimension and size == fmt.sizes[dimension - 1]:
            continue
        for less in range(1, size // 2 + 1):
            first, second = (_part(resized(fmt, dimension, part), table, modulus) for part in (size - less, less))
            if first and second and not first.move == second.move == Move.CLASSICAL:
                rank = first.rank + second.rank
                parents, move = ((first,), Move.EXTEND) if less == 1 else ((first, second), Move.MERGE)
                yield Recipe(fmt, rank, move, parents, dimension)


def _factorisations(fmt: Format) -> Iterator[tuple[Format, Format]]:
    """Pairs of formats whose product has this format, one for each pair of sorted formats; 1x1xk only joins copies."""
    seen = set()
    for sizes in pairs(*([part for part in range(1, size + 1) if size % part == 0] for size in fmt.sizes)):
        outer = Format(*sizes)
        inner = Format(*(size // part for size, part in zip(fmt.sizes, sizes, strict=True)))
        key = frozenset((outer.sorted(), inner.sorted()))
        if key not in seen and not any(part.sizes[:2] == (1, 1) for part in key):
            seen.add(key)
            yield outer, inner


def _projections(parent: Recipe) -> Iterator[Recipe]:
    """The best projection in each dimension of size 3 and more."""
    scheme = parent.build()
    for dimension, size in enumerate(scheme.format.sizes):
        if size > 2:
            found = best_projection(scheme, dimension)
            yield Recipe(found.format.sorted(), found.rank, Move.PROJECT, (parent,), dimension, found)
