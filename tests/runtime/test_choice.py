"""What "auto" chooses, for machines whose speeds are given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmdiscover.runtime import calibration, choice, multiply
from mmdiscover.runtime.calibration import Calibration, calibrate, calibration_file
from mmdiscover.runtime.step import prepare_step
from tests.schemes import strassen

if TYPE_CHECKING:
    from pathlib import Path

FLOAT = np.dtype(np.float64)
FAST_SUMS = Calibration((100, 1000), (1e-10, 1e-10), (100, 1000), (1e-11, 1e-11))
SLOW_SUMS = Calibration((100, 1000), (1e-10, 1e-10), (100, 1000), (1e-6, 1e-6))


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMDISCOVER_CALIBRATION", str(tmp_path / "folder" / "calibration.json"))
    choice.choose.cache_clear()
    calibrate.cache_clear()


def with_speeds(monkeypatch: pytest.MonkeyPatch, speeds: Calibration | None) -> None:
    choice.choose.cache_clear()
    monkeypatch.setattr(choice, "calibrate", lambda *_: speeds)


def test_levels_are_taken_while_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    with_speeds(monkeypatch, FAST_SUMS)
    levels = [len(choice.choose((n, n, n), FLOAT, 2)) for n in (16, 256, 1024, 4096)]
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert levels[-1] >= 2
    with_speeds(monkeypatch, SLOW_SUMS)
    assert choice.choose((4096, 4096, 4096), FLOAT, 2) == ()
    with_speeds(monkeypatch, None)
    assert choice.choose((4096, 4096, 4096), FLOAT, 2) == ()


def test_thin_matrices_are_not_split_along_their_thin_side(monkeypatch: pytest.MonkeyPatch) -> None:
    with_speeds(monkeypatch, FAST_SUMS)
    for scheme in choice.choose((4096, 40, 4096), FLOAT, 2):
        assert scheme.format.m == 1
    assert choice.choose((4096, 3, 4096), FLOAT, 2) == ()


def test_the_error_factor_limits_the_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    with_speeds(monkeypatch, FAST_SUMS)
    shape = (4096, 4096, 4096)
    assert choice.choose(shape, FLOAT, 2, 1.0) == ()
    assert len(choice.choose(shape, FLOAT, 2, 3.5)) == 1 < len(choice.choose(shape, FLOAT, 2))


def test_expected_seconds_count_products_and_passes() -> None:
    step = prepare_step(strassen(), FLOAT)
    # Sums of two blocks: 5 over A and 5 over B, 3 passes each; two of seven products are computed in place.
    assert step.passes == (15, 15, 5 + 10 + 8)
    assert sum(product.direct for product in step.products) == 2
    seconds = choice.level_seconds(strassen(), (200, 200, 200), FLOAT, FAST_SUMS)
    sums = (15 + 15 + 23) * 100**2 * 1e-11
    assert seconds == pytest.approx(7 * (100**3 * 1e-10 + 5e-5) + sums)
    # A second level below a level that does not pay by itself.
    assert choice.level_seconds(strassen(), (2000, 2000, 2000), FLOAT, FAST_SUMS, levels=2) < choice.level_seconds(
        strassen(), (2000, 2000, 2000), FLOAT, FAST_SUMS
    )


def test_auto_is_matmul_where_nothing_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    with_speeds(monkeypatch, SLOW_SUMS)
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((600, 520)), rng.standard_normal((520, 610))
    assert np.array_equal(multiply(a, b), a @ b)
    assert np.array_equal(multiply(a[:5], b), a[:5] @ b)
    with_speeds(monkeypatch, FAST_SUMS)
    assert np.allclose(multiply(a, b), a @ b)
    assert not np.array_equal(multiply(a, b), a @ b)


def test_calibration_is_measured_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_SIZES", {"f": (16, 32), "c": (16,), "i": (8, 16)})
    monkeypatch.setattr(calibration, "_BLOCKS", {"f": (16, 64), "c": (16, 64), "i": (8, 16)})
    monkeypatch.setattr(calibration, "_LEAST_SECONDS", 0.0)
    first = calibrate(FLOAT, 1)
    assert first is not None
    assert min(first.seconds_per_multiplication) > 0
    assert min(first.seconds_per_pass) >= 0
    assert max(first.seconds_per_pass) > 0
    assert calibrate(np.dtype(object), 1) is None
    calibrate(np.dtype(np.int64), 1)
    calibrate.cache_clear()
    monkeypatch.setattr(calibration, "measure", lambda *_: pytest.fail("measured again"))
    assert calibrate(FLOAT, 1) == first


def test_speeds_are_interpolated() -> None:
    speeds = Calibration((100, 200), (4.0, 2.0), (10, 20), (1.0, 3.0))
    assert speeds.classical(150, 150, 150) == pytest.approx(3.0 * 150**3)
    assert speeds.classical(10, 10, 10) == pytest.approx(4.0 * 1000)
    assert speeds.passes(7, 15 * 15) == pytest.approx(14.0)


def test_a_damaged_file_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "measure", lambda *_: FAST_SUMS)
    path = calibration_file()
    path.parent.mkdir()
    for damaged in ("", "[]", "{", json.dumps({key: {"sizes": 3} for key in "ab"})):
        path.write_text(damaged)
        calibrate.cache_clear()
        assert calibrate(FLOAT, 1) == FAST_SUMS
    kept = json.loads(path.read_text())
    key = next(key for key in kept if "float64" in key)
    path.write_text(json.dumps({key: {**kept[key], "sizes": [1]}}))
    calibrate.cache_clear()
    assert calibrate(FLOAT, 1) == FAST_SUMS


def test_a_folder_that_cannot_be_made_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MMDISCOVER_CALIBRATION", str(tmp_path / "file" / "calibration.json"))
    monkeypatch.setattr(calibration, "measure", lambda *_: FAST_SUMS)
    assert calibrate(FLOAT, 1) == FAST_SUMS


def test_the_file_is_in_the_users_folder_for_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MMDISCOVER_CALIBRATION")
    assert calibration_file().name == "calibration.json"
    assert "mmdiscover" in calibration_file().parts
