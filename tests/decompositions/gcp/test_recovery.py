from __future__ import annotations

import numpy as np
import pytest

from mmdiscover.decompositions.cp.comparison import factor_match_score
from mmdiscover.decompositions.gcp.fit import generalized_cp
from mmdiscover.decompositions.gcp.losses import Gaussian, Likelihood
from tests.decompositions.gcp.planted import LOSSES, planted

# Factor match scores to be reached; zeros and ones tell least of the model behind them.
SCORES = {"Gaussian": 0.999, "Bernoulli (odds)": 0.85, "Bernoulli (logit)": 0.95}


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_planted_factors_are_found(loss: Likelihood) -> None:
    truth, x = planted(loss, (20, 21, 22), 3, 1.0 if loss.name == "Poisson with log link" else 3.0, seed=1)
    fitted = generalized_cp(x, 3, loss)
    assert fitted.converged
    assert fitted.objective <= loss.value(x, truth.to_full()).sum()
    assert factor_match_score(fitted.model, truth) > SCORES.get(loss.name, 0.985)


def test_without_noise_the_factors_are_exact() -> None:
    truth, x = planted(Gaussian(0.0), (9, 10, 11), 3, 100.0, seed=3)
    fitted = generalized_cp(x, 3, Gaussian())
    assert fitted.converged
    assert np.linalg.norm(fitted.model.to_full() - x) < 1e-7 * np.linalg.norm(x)
    assert factor_match_score(fitted.model, truth) > 1 - 1e-12


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_starts_are_scaled_to_the_data(size: float) -> None:
    truth, x = planted(Gaussian(0.0), (9, 10, 11), 2, size, seed=4)
    assert factor_match_score(generalized_cp(x, 2, Gaussian()).model, truth) > 1 - 1e-10
