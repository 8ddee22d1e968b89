"""Time zones by their IANA names, from the locked tzdata: the same rules on every machine."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo


@cache
def zone_names() -> frozenset[str]:
    """Every name there is, old ones such as `US/Eastern` included."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError for a name there is not."""
    if name not in zone_names():
        raise ValueError(f"there is no time zone {name!r}")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


@cache
def cities() -> dict[str, str]:
    """Names by their last part, which is what people remember of them."""
    return {name.rpartition("/")[2]: name for name in sorted(zone_names())}
