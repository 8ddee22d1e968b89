"""What a stage costs while nothing runs: `make cost` tells it of a day, this of half an hour."""

import pytest

from benchmarks.cost.idling import BY_THE_CLOCK, idle


def test_all_that_is_called_by_the_clock_is_counted_and_nothing_else() -> None:
    items = {item.what: item for item in idle(hours=0.5)}
    counts = {name: int(items[name].how_many.split()[0].replace(",", "")) for name in BY_THE_CLOCK}
    assert counts == {"reconcile": 8_760, "tick": 43_800}  # every 5 minutes, every minute, 730 h
    reads = items["what tick asks of DynamoDB"].how_many
    assert reads == "175,200 read units, 0 write units"  # 8 shards, half a unit each
    assert sum(item.dollars for name, item in items.items() if "tick" in name) < 1.0
    assert items["dashboard"].dollars == pytest.approx(3.0)
