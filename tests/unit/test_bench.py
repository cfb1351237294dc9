"""What the bench makes of its runs."""

from tests.bench.figures import Limit, figure, percentile


def test_a_figure_is_the_median_beside_its_floor_against_its_limit() -> None:
    found = figure("push", "s", [9.0, 2.0, 3.0], [1.0, 0.5, 4.0], Limit(3, above_floor=True))
    assert found == {
        "figure": "push", "value": 3.0, "unit": "s", "floor": 1.0, "limit": 4.0, "ok": True, "runs": [9.0, 2.0, 3.0],
    }  # fmt: skip


def test_past_its_limit_it_is_not_ok() -> None:
    assert not figure("push", "s", [4.1], [1.0], Limit(3, above_floor=True))["ok"]
    assert not figure("gone", "s", [15.1], [10.0], Limit(15))["ok"]
    assert figure("gone", "s", [15.0], [10.0], Limit(15))["ok"]


def test_95_of_100_answers_are_not_above_the_95th_percentile() -> None:
    answers = [float(each) for each in range(1, 101)]
    assert percentile(answers[::-1], 0.95) == 95.0
    assert percentile([7.0], 0.95) == 7.0
