"""Times as they are typed and shown."""

from __future__ import annotations

import re

from mmdiscover.errors import InputError

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)?", re.ASCII)
_SECONDS = {"ms": 1e-3, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """Read ``"60s"``, ``"1.5h"`` or plain seconds.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    InputError
        If `text` is anything else, or zero.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise InputError(f"time {text!r}: expected a positive time such as 60s, 10m or 1.5h")
    return seconds


def clock(seconds: float) -> str:
    """Seconds as ``1:02:03`` or ``2:03``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
