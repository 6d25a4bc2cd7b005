"""Own speed, beside references measured in the same run; the one place outside the command line that reads a clock."""

from mmdiscover.bench.export import MultiplyTimes, time_multiply
from mmdiscover.bench.fits import FitCosts, cost_of_fits
from mmdiscover.bench.flips import FlipTimes, near_rank, time_flips
from mmdiscover.bench.lm import LMTimes, time_lm
from mmdiscover.bench.verify import VerifyTimes, blocked_scheme, time_verify

__all__ = [
    "FitCosts",
    "FlipTimes",
    "LMTimes",
    "MultiplyTimes",
    "VerifyTimes",
    "blocked_scheme",
    "cost_of_fits",
    "near_rank",
    "time_flips",
    "time_lm",
    "time_multiply",
    "time_verify",
]
