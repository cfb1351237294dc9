"""What the bench makes of its runs."""

from tests.bench.figures import Figure, Limit, percentile
from tests.bench.history import _row

PUSH = Figure("push", Limit(3, above_floor=True))


def test_a_figure_is_the_median_beside_its_floor_against_its_limit() -> None:
    assert PUSH.of([9.0, 2.0, 3.0], [1.0, 0.5, 4.0]) == {
        "figure": "push", "value": 3.0, "unit": "s", "floor": 1.0, "limit": 4.0, "ok": True, "runs": [9.0, 2.0, 3.0],
    }  # fmt: skip


def test_past_its_limit_it_is_not_ok() -> None:
    assert not PUSH.of([4.1], [1.0])["ok"]
    assert not Figure("gone", Limit(15)).of([15.1], [10.0])["ok"]
    assert Figure("gone", Limit(15)).of([15.0], [10.0])["ok"]


def test_a_limit_may_be_so_many_times_the_floor() -> None:
    crowd = Figure("crowd", Limit(1.3, times_floor=True))
    assert crowd.of([12.9], [10.0])["ok"] and not crowd.of([13.1], [10.0])["ok"]


def test_the_worst_runs_have_figures_of_their_own() -> None:
    runs = [float(each) for each in range(1, 101)]
    found = [Figure("gone", Limit(96), statistic).of(runs, []) for statistic in ("median", "p95", "most")]
    assert [(each["figure"], each["value"], each["ok"]) for each in found] == [
        ("gone", 50.5, True), ("gone, p95", 95.0, True), ("gone, most", 100.0, False),
    ]  # fmt: skip


def test_95_of_100_answers_are_not_above_the_95th_percentile() -> None:
    answers = [float(each) for each in range(1, 101)]
    assert percentile(answers[::-1], 0.95) == 95.0
    assert percentile([7.0], 0.95) == 7.0


def test_a_row_of_the_history_says_whether_the_limit_held() -> None:
    assert _row(PUSH.of([3.0], [1.0])) == "| push | 3 s | 1 s | 4 s | yes | 1 |\n"
    assert _row(Figure("idle", Limit(2), unit="%").of([2.5], [])) == "| idle | 2.5 % | – | 2 % | **no** | 1 |\n"
