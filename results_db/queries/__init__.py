"""Everything that is read, as frozen records of plain values."""

from results_db.queries.campaigns import CampaignSummary, TargetSummary, campaign_summary
from results_db.queries.checks import CheckedScheme, check_schemes, check_storage
from results_db.queries.fits import StoredFit, open_fits
from results_db.queries.learnt import Experience, experience, experience_of_all
from results_db.queries.schemes import SORTS, SchemeFilter, SchemeRow, StoredScheme, list_schemes, load_scheme
from results_db.queries.totals import BestRank, Stats, best_ranks, stats

__all__ = [
    "SORTS",
    "BestRank",
    "CampaignSummary",
    "CheckedScheme",
    "Experience",
    "SchemeFilter",
    "SchemeRow",
    "Stats",
    "StoredFit",
    "StoredScheme",
    "TargetSummary",
    "best_ranks",
    "campaign_summary",
    "check_schemes",
    "check_storage",
    "experience",
    "experience_of_all",
    "list_schemes",
    "load_scheme",
    "open_fits",
    "stats",
]
