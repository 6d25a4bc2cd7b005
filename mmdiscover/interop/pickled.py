"""Arrays out of a pickle that NumPy wrote, without unpickling: nothing in the file is ever called.

A pickle is a program for a stack machine. This one knows the instructions that occur in a pickled array of arrays, the
three globals such a pickle names, and builds stand-ins for them; every other instruction and name is refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmdiscover.errors import InputError
from mmdiscover.interop.npy import numeric_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_INSTRUCTIONS = 10_000
"""Three arrays take about a hundred."""

_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): "_reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "_reconstruct",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
}

_MARK = object()

_CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False, b")": (), b"(": _MARK}
_INTEGERS = {b"K": "<B", b"M": "<H", b"J": "<i"}
# The format of the length that comes before the text or the bytes.
_TEXTS = {b"\x8c": "<B", b"X": "<I"}
_BYTES = {b"C": "<B", b"B": "<I", b"\x8e": "<Q"}
_PUTS = {b"q": "<B", b"r": "<I"}
_GETS = {b"h": "<B", b"j": "<I"}
_TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


@dataclass(frozen=True)
class _Global:
    name: str


@dataclass
class _Stub:
    """An array or a dtype in the making: the class, the arguments of its constructor, and its state."""

    kind: str
    arguments: Any
    state: Any = None


def pickled_arrays(data: bytes) -> list[NDArray[Any]]:
    """The arrays that a pickled one-dimensional array of objects holds.

    Parameters
    ----------
    data : bytes
        The pickle, of protocol 2 to 4, as it stands in an ``.npy`` file.

    Returns
    -------
    list of ndarray
        Of integers or floats.

    Raises
    ------
    InputError
        If it is anything else: another instruction, another global, an array of another type.
    """
    try:
        return [_numbers(entry) for entry in _entries(_Machine(data).run())]
    except InputError as error:
        raise InputError(f"holds a pickle that is not read: {error}, expected arrays of numbers only") from None
    except (LookupError, struct.error, ValueError):
        raise InputError("holds a pickle that is not read: it is damaged, expected arrays of numbers only") from None


class _Machine:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        for _ in range(_MOST_INSTRUCTIONS):
            code = self._take(1)
            if code == b".":
                return self._stack.pop()
            if not (self._push(code) or self._store(code) or self._build(code)):
                raise InputError(f"it has the instruction {code!r}")
        raise InputError(f"it has more than {_MOST_INSTRUCTIONS:,} instructions")

    def _push(self, code: bytes) -> bool:
        """Instructions that put a value on the stack."""
        if code in _CONSTANTS:
            self._stack.append(_CONSTANTS[code])
        elif code == b"]":
            self._stack.append([])
        elif code in _INTEGERS:
            self._stack.append(self._integer(_INTEGERS[code]))
        elif code in _TEXTS:
            self._stack.append(self._take(self._integer(_TEXTS[code])).decode())
        elif code in _BYTES:
            self._stack.append(self._take(self._integer(_BYTES[code])))
        elif code == b"c":
            self._stack.append(_known(self._line(), self._line()))
        else:
            return False
        return True

    def _store(self, code: bytes) -> bool:
        """Instructions that remember and recall values, and those that change nothing."""
        if code in _PUTS:
            self._memo[self._integer(_PUTS[code])] = self._stack[-1]
        elif code == b"\x94":
            self._memo[len(self._memo)] = self._stack[-1]
        elif code in _GETS:
            self._stack.append(self._memo[self._integer(_GETS[code])])
        elif code == b"\x80":  # the protocol
            self._take(1)
        elif code == b"\x95":  # the length of a frame
            self._take(8)
        else:
            return False
        return True

    def _build(self, code: bytes) -> bool:
        """Instructions that make a value from those on the stack."""
        stack = self._stack
        if code in _TUPLES:
            count = _TUPLES[code]
            if count > len(stack):
                raise IndexError
            stack[-count:] = [tuple(stack[-count:])]
        elif code == b"t":
            items = self._marked()
            stack.append(tuple(items))
        elif code == b"e":
            items = self._marked()
            _checked(stack[-1], list).extend(items)
        elif code == b"\x93":
            name, module = stack.pop(), stack.pop()
            stack.append(_known(module, name))
        elif code == b"R":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_Stub(_made_by(_checked(function, _Global)), arguments))
        elif code == b"b":
            state = stack.pop()
            _checked(stack[-1], _Stub).state = state
        else:
            return False
        return True

    def _marked(self) -> list[Any]:
        """What stands above the last mark, taken off together with it."""
        stack = self._stack
        for start in range(len(stack) - 1, -1, -1):
            if stack[start] is _MARK:
                items = stack[start + 1 :]
                del stack[start:]
                return items
        raise IndexError

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise InputError("it is cut short")
        piece = self._data[self._position : end]
        self._position = end
        return piece

    def _integer(self, layout: str) -> int:
        value: int = struct.unpack(layout, self._take(struct.calcsize(layout)))[0]
        return value

    def _line(self) -> str:
        end = self._data.index(b"\n", self._position, self._position + 100)
        return self._take(end + 1 - self._position)[:-1].decode()


def _known(module: Any, name: Any) -> _Global:
    if not isinstance(module, str) or not isinstance(name, str) or (module, name) not in _GLOBALS:
        raise InputError(f"it names {ascii(module)[:60]} {ascii(name)[:60]}")
    return _Global(_GLOBALS[module, name])


def _made_by(function: _Global) -> str:
    return "ndarray" if function.name == "_reconstruct" else function.name


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise InputError("it does what no array's pickle does")
    return value


def _state(value: Any, kind: str, length: int) -> tuple[Any, ...]:
    if not isinstance(value, _Stub) or value.kind != kind or not isinstance(value.state, tuple):
        raise InputError("it does not hold arrays")
    if len(value.state) != length:
        raise InputError(f"its {kind} is of an unknown version")
    return value.state


def _entries(value: Any) -> list[Any]:
    """Those of an array of objects."""
    _, shape, _, _, entries = _state(value, "ndarray", 5)
    if not isinstance(entries, list) or shape != (len(entries),):
        raise InputError("its array of objects is not one of a single dimension")
    return entries


def _numbers(value: Any) -> NDArray[Any]:
    _, shape, dtype, fortran, data = _state(value, "ndarray", 5)
    order, arguments = _state(dtype, "dtype", 8)[1], dtype.arguments
    sound = (
        isinstance(data, bytes)
        and isinstance(shape, tuple)
        and all(type(size) is int for size in shape)
        and isinstance(arguments, tuple)
        and bool(arguments)
        and all(isinstance(text, str) for text in (order, arguments[0]))
    )
    if not sound:
        raise InputError("its arrays do not hold numbers")
    return numeric_array(order + arguments[0], shape, data, fortran=fortran is True)
