"""The sliding window, against a count of its own."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from codegate.tenants.quota import WINDOW_S, Quota


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@example(limit=1, steps=[4.4054737944529805, 30.0, 30.0])
@given(
    limit=st.integers(1, 20),
    steps=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_never_more_than_the_limit_in_any_window(limit: int, steps: list[float]) -> None:
    clock = Clock()
    quota = Quota(clock)
    admitted: list[float] = []
    for step in steps:
        clock.now += step
        recent = [t for t in admitted if t + WINDOW_S > clock.now]
        wait_s = quota.admit("a", limit)
        assert (wait_s == 0) == (len(recent) < limit)
        if wait_s == 0:
            admitted.append(clock.now)
        else:
            # The clock's own rounding may show in a difference of two readings.
            assert 0 < wait_s <= WINDOW_S + 1e-9


def test_the_wait_is_the_time_after_which_one_is_let_in() -> None:
    clock = Clock()
    quota = Quota(clock)
    for _ in range(3):
        assert quota.admit("a", 3) == 0
        clock.now += 10
    wait_s = quota.admit("a", 3)
    assert wait_s == 30
    clock.now += wait_s
    assert quota.admit("a", 3) == 0
    assert quota.admit("a", 3) > 0


def test_no_limit_counts_nothing() -> None:
    quota = Quota(Clock())
    assert all(quota.admit("a", 0) == 0 for _ in range(1000))
