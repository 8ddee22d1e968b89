"""Every change of clocks from 2000 to 2037 in every zone, against the walk through UTC."""

from datetime import timedelta

import pytest

from tests.changes import FAR, check_change
from tests.fire_oracle import changes, utc, zone_names, zone_of

pytestmark = pytest.mark.prove


@pytest.mark.parametrize("year", range(2000, 2038))
def test_f41_fire_times_about_each_change_of_each_zone_are_those_of_the_wall_clock(
    year: int,
) -> None:
    # Zones in which clocks show the same all the time that is looked at are looked at once.
    distinct = {}
    for name in zone_names():
        zone = zone_of(name)
        found = list(changes(zone, utc(year - 1, 12, 25), utc(year + 1, 1, 8)))
        offsets = [
            (change, (change - timedelta(minutes=1)).astimezone(zone).utcoffset(),
             change.astimezone(zone).utcoffset())
            for change in found
        ]  # fmt: skip
        for change in (change for change in found if change.year == year):
            about = (each for each in offsets if abs(each[0] - change) <= FAR)
            distinct[change, tuple(about)] = name
    assert len(distinct) > 10
    for (change, _), name in distinct.items():
        check_change(name, change)
