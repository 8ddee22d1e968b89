"""Tokens over HTTP."""

from chalicelib.core.access import Role
from tests.functional.api.desks import memory_desk

WISH = {"name": "ci", "role": "operator", "scopes": ["etl-"], "days": 7}
FAULTS = [("role", "root"), ("days", 91), ("days", True), ("days", "7"), ("name", "a b")]


def test_a_token_is_told_once_and_listed_without_its_secret() -> None:
    desk = memory_desk()
    made = desk.post("/tokens", WISH, 201)
    text = made.pop("token")
    assert text.startswith(f"abs_{made['tokenId']}_")
    assert (made["name"], made["role"], made["scopes"]) == ("ci", "operator", ["etl-"])
    assert desk.get("/tokens")["tokens"] == [made]
    assert text not in str(desk.get("/tokens"))


def test_a_revoked_token_says_who_revoked_it() -> None:
    desk = memory_desk()
    made = desk.post("/tokens", WISH, 201)
    revoked = desk.delete(f"/tokens/{made['tokenId']}", 200)
    assert revoked["standing"] == "revoked"
    assert revoked["revokedBy"] == "ada"
    assert desk.delete("/tokens/nobody", 404)["status"] == 404


def test_nobody_gives_more_than_he_has() -> None:
    desk = memory_desk().as_(Role.ADMIN, "etl-")
    problem = desk.post("/tokens", WISH | {"scopes": [""]}, 400)
    assert "scopes" in problem["problems"][0]["path"]


def test_a_wish_that_is_none_is_refused_where_it_is_wrong() -> None:
    desk = memory_desk()
    for field, value in FAULTS:
        problem = desk.post("/tokens", WISH | {field: value}, 400)
        assert problem["problems"][0]["path"] == f"$.{field}"


def test_an_answer_with_a_secret_is_not_kept_to_be_told_again() -> None:
    desk = memory_desk()
    problem = desk.post("/tokens", WISH, 400, Idempotency_Key="one")
    assert "Idempotency-Key" in problem["problems"][0]["path"]
    assert desk.get("/tokens")["tokens"] == []
