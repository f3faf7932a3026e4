"""The hand-written code that the engine is timed against does the same work: equal numbers on small inputs.

Not here: how fast either is (`make bench`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import method_cases, report
from benchmarks.hand_written import carry_forward, fill_linear, skewness_and_kurtosis, treat
from benchmarks.method import CASES, Case, Large, Timing
from benchmarks.method_cases import NEAR, Work

NAN = float("nan")
SMALL: dict[str, Callable[[], Work]] = {
    "panel": lambda: method_cases.panel(12, 20, 4),
    "panel filled linearly": lambda: method_cases.panel(12, 20, 6, "linear", 0.15),
    "panel carried forward": lambda: method_cases.panel(12, 20, 6, "carry", 0.15),
    "monte carlo": lambda: method_cases.monte_carlo(40),
    "monte carlo, all nodes": lambda: method_cases.monte_carlo(40, "all"),
    "monte carlo, part of the runs by hand": lambda: method_cases.monte_carlo(40, reference_runs=10),
    "sobol": lambda: method_cases.sobol(8),
    "benefit of the doubt": lambda: method_cases.doubt(6, 4, 0.05, 0.6),
    "growth": lambda: method_cases.growth(3, 4, 5),
}


@pytest.mark.parametrize("name", SMALL)
def test_hand_written_code_gives_what_the_engine_gives(name: str) -> None:
    work = SMALL[name]()
    assert work.reference is not None
    assert work.apart(work.own(), work.reference()) <= NEAR


def test_a_difference_is_seen() -> None:
    work = method_cases.panel(12, 20, 4)
    assert work.reference is not None
    found = work.reference()
    found[-1] = found[-1] + 1e-6
    assert work.apart(work.own(), found) > NEAR
    found[-1] = np.full_like(found[-1], NAN)
    assert not work.apart(work.own(), found) <= NEAR


def test_every_case_that_is_timed_exists() -> None:
    assert {case.name for case in CASES} == set(method_cases.CASES)


def test_large_panels_agree_with_hand_written_code() -> None:
    found = method_cases.large(3, 10, 20, is_looped=True)
    assert found["cells"] == 600
    assert found["reference"]["wall"] > 0


def test_gaps_are_filled_by_hand_as_on_paper() -> None:
    series = np.array([NAN, 1.0, NAN, NAN, 4.0, NAN])[:, None, None]
    assert fill_linear(series)[:, 0, 0].tolist() == [1, 1, 2, 3, 4, 4]
    np.testing.assert_array_equal(carry_forward(series)[:, 0, 0], [NAN, 1, 1, 1, 4, 4])


def test_one_outlier_is_winsorised_by_hand_and_the_rest_stays() -> None:
    from scipy import stats

    x = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 100])
    assert skewness_and_kurtosis(x) == pytest.approx((stats.skew(x, bias=False), stats.kurtosis(x, bias=False)))
    assert treat(x[:, None, None])[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 9]


# How the figures are shown


def timing(seconds: float | None = 1.0, wall: float = 0.5, best: float = 0.4, by_hand: float = 1.0) -> Timing:
    own = {"wall": wall, "best": best, "cpu": wall, "peak_mib": 100.0}
    return Timing(
        Case("some", "some work", seconds, times=1.2), 2.0, own, {"wall": by_hand, "best": by_hand, "cpu": 1.0}
    )


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (timing(), "met"),
        (timing(wall=1.5, best=1.4), "**not met**"),
        (timing(wall=1.1, best=0.9), "unclear: noise"),
        (timing(by_hand=0.1), "**not met**"),
    ],
)
def test_a_case_meets_its_target_when_seconds_and_ratio_do(given: Timing, verdict: str) -> None:
    assert report.method_tables([given])[-1].endswith(f"| {verdict} |")


def test_growth_of_a_large_panel_is_an_exponent_of_its_cells() -> None:
    found = [Large(1000, 1, 1.0, 10, 20), Large(2000, 2, 2.0, 20, 80)]
    lines = report.large_tables(found)
    assert lines[2].endswith("| 2.00 | 3 x | met |")
    assert lines[3].endswith("| 4.00 | 3 x | **not met** |")
    assert "exponent 1.00" in lines[-1]


def test_writing_one_part_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "README.md"
    copy.write_text(report.README.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(report, "README", copy)
    report.write({name: [f"{name} of today"] for name in report.PARTS})
    report.write({"method": ["method of tomorrow"]})
    text = copy.read_text("utf-8")
    assert "figures of today" in text and "large of today" in text
    assert "method of tomorrow" in text and "method of today" not in text
    copy.write_text("no marks", "utf-8")
    with pytest.raises(SystemExit, match="marks of 'method' are missing"):
        report.write({"method": ["x"]})
