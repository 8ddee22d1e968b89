"""Time zones that there are not, and the one that was probably meant."""

import pytest

from chalicelib.core.loading import load
from chalicelib.errors import InvalidInputError
from tests.builders import document


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"), ("New York", "America/New_York"),
        ("Amerika/New_York", "America/New_York"), ("Tokio", "Asia/Tokyo"), ("utc", "UTC"),
        ("Eurpe/Lisbon", "Europe/Lisbon"), ("US/Estern", "US/Eastern"),
        # No place of these names is in the list, and what sounds alike is elsewhere.
        ("Mars/Base", ""), ("Venus", ""), ("Europe/Munich", ""), ("Europe/Hamburg", ""),
        ("CEST", ""), ("PST", ""), ("GMT+25", ""), ("Moscow/Europe", ""), ("Ö", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_zone_is_suggested_only_where_one_is_near(name: str, meant: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load(document(triggers=[{"cron": "0 1 * * *", "timezone": name}]))
    (found,) = caught.value.problems
    assert (found.reason, found.suggestion) == ("is no time zone", meant)
