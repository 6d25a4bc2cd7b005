"""Exact verification: the only room that makes a `VerifiedScheme`."""

from mmdiscover.verify.brent import BrentReport, check_brent
from mmdiscover.verify.verification import Verdict, verify, verify_readings

__all__ = ["BrentReport", "Verdict", "check_brent", "verify", "verify_readings"]
