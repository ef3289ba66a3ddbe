"""A percentile read from buckets is near the real one."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from remit.server.projection.latencies import bucket, percentile


@given(st.lists(st.integers(2, 10**9), min_size=1), st.sampled_from((0.5, 0.95)))
def test_a_percentile_is_right_within_a_tenth(durations: list[int], share: float) -> None:
    real = sorted(durations)[math.ceil(share * len(durations)) - 1]
    found = percentile(Counter(map(bucket, durations)), share)
    assert found is not None
    assert abs(found - real) <= 0.1 * real


def test_without_durations_there_is_none() -> None:
    assert percentile({"calls": 3}, 0.5) is None
    assert percentile({bucket(0): 1, bucket(1): 1, "calls": 9}, 0.95) == 1.0
