"""The formulas of emitted C, C++ and Julia, in the syntax of the text emitter, so that they can be proved."""

from __future__ import annotations

import re

from mmdiscover.errors import ExportError

_CONSTANT = re.compile(r"^ +(?:const \w+ )?(k\d+) = ([^;\n]+);?$", re.MULTILINE)
_C_LINE = re.compile(r"^ +MM_(?:SUM_[ABC]\((\w+)\[\w+\] = ([^;]*)|PRODUCT\(([^;]*))\);$", re.MULTILINE)
_CPP_LINE = re.compile(r"^ +(sum_[abc]|product)\((\w+), ([^;]*)\);$", re.MULTILINE)
_CPP_FACTOR = re.compile(r"sum_[ab]\(\w+, (.*?)\)|(\w+)")
_JULIA_LINE = re.compile(r"^    (?:@\. (\w+) = |(\w+) = @\. |(m[\d_]+) = product\()(.*)$", re.MULTILINE)
_JULIA_FACTOR = re.compile(r"\(@\. (.*?)\)(?=, |$)|(\w+)")


def text_of_c(code: str) -> str:
    """The statements of the step function; a factor that is summed up in x or y is written where it is used."""
    lines, buffers = [], {}
    for target, form, product in _C_LINE.findall(_joined(code)):
        if target in ("x", "y"):
            buffers[target] = f"({_plain(form)})"
        elif target:
            lines.append(f"{target} = {_plain(form)}")
        else:
            name, left, _, right, _ = product.split(", ")
            lines.append(f"{name} = {buffers.get(left, left)} {buffers.get(right, right)}")
    return _finished(lines, code)


def text_of_cpp(code: str) -> str:
    """The statements of the step function."""
    lines = []
    for function, target, arguments in _CPP_LINE.findall(_joined(code)):
        if function == "product":
            factors = [f"({_signed(form)})" if form else block for form, block in _CPP_FACTOR.findall(arguments)]
            lines.append(f"{target} = {' '.join(factors)}")
        else:
            lines.append(f"{target} = {_signed(arguments)}")
    return _finished(lines, code)


def text_of_julia(code: str) -> str:
    """The statements of the step function."""
    lines = []
    for output, temporary, product, rest in _JULIA_LINE.findall(_joined(code)):
        if product:
            factors = _JULIA_FACTOR.findall(rest.removesuffix(", cutoff)"))
            lines.append(f"{product} = " + " ".join(f"({_plain(form)})" if form else block for form, block in factors))
        else:
            lines.append(f"{output or temporary} = {_plain(rest)}")
    return _finished(lines, code)


def _joined(code: str) -> str:
    """Long lines in one piece: they go on with eight spaces."""
    return re.sub(r"\n {8,}(?=\S)", " ", code)


def _signed(arguments: str) -> str:
    """``a11 - a12`` for the arguments ``a11, -a12``."""
    return _plain(" + ".join(arguments.split(", ")).replace("+ -", "- "))


def _plain(form: str) -> str:
    form = re.sub(r"\[(?:ij|k)\]", "", form)
    form = re.sub(r"^-\((.*?)\)", r"-\1", form)
    return form.replace(" * ", " ")


def _finished(lines: list[str], code: str) -> str:
    """With the values of constants for their names, and commas between indices."""
    values = {}
    for name, value in _CONSTANT.findall(_joined(code)):
        number = re.sub(r"\(\w+\)|\bT\((\d+)\)", r"\1", value).replace(" ", "").replace("//", "/").replace("*i", "i")
        values[name] = f"({number})" if number.endswith("i") else number
    text = re.sub(r"\bk\d+\b", lambda match: values.get(match[0], match[0]), "\n".join(lines))
    if not lines:
        raise ExportError("no formulas are found in the code")
    return re.sub(r"\b([abc]\d+)_(\d+)\b", r"\1,\2", text)
