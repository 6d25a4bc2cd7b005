"""Own speed, beside references measured in the same run; the one place outside the command line that reads a clock."""

from mmdiscover.bench.fits import FitCosts, cost_of_fits
from mmdiscover.bench.lm import LMTimes, time_lm

__all__ = ["FitCosts", "LMTimes", "cost_of_fits", "time_lm"]
