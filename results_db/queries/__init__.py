"""Everything that is read, as frozen records of plain values."""

from results_db.queries.campaigns import (
    CampaignRow,
    CampaignSummary,
    TargetSummary,
    campaign_summary,
    list_campaigns,
    trials_by_method,
)
from results_db.queries.checks import (
    CheckedRow,
    CheckedScheme,
    check_experience,
    check_references,
    check_rows,
    check_schemes,
    check_storage,
    count_rows,
)
from results_db.queries.fits import AttemptRow, FitRow, attempts_of_fit, fit_row, list_fits, load_fit
from results_db.queries.learnt import Experience, experience, experience_of_all
from results_db.queries.provenance import DiscoveryRow, discoveries_of
from results_db.queries.schemes import (
    SORTS,
    ClassRow,
    SchemeFilter,
    SchemeRow,
    StoredScheme,
    list_classes,
    list_schemes,
    load_scheme,
)
from results_db.queries.totals import BestRank, Stats, best_ranks, stats
from results_db.queries.walks import WalkRow, walks_of

__all__ = [
    "SORTS",
    "AttemptRow",
    "BestRank",
    "CampaignRow",
    "CampaignSummary",
    "CheckedRow",
    "CheckedScheme",
    "ClassRow",
    "DiscoveryRow",
    "Experience",
    "FitRow",
    "SchemeFilter",
    "SchemeRow",
    "Stats",
    "StoredScheme",
    "TargetSummary",
    "WalkRow",
    "attempts_of_fit",
    "best_ranks",
    "campaign_summary",
    "check_experience",
    "check_references",
    "check_rows",
    "check_schemes",
    "check_storage",
    "count_rows",
    "discoveries_of",
    "experience",
    "experience_of_all",
    "fit_row",
    "list_campaigns",
    "list_classes",
    "list_fits",
    "list_schemes",
    "load_fit",
    "load_scheme",
    "stats",
    "trials_by_method",
    "walks_of",
]
