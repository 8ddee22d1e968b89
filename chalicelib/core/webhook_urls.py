"""URLs of webhooks, of which the host alone is shown: put back, and told to have changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core.notice_rules import shown_url, with_hosts_alone
from chalicelib.errors import InvalidInputError, Problem

_CHANGED = " (changed)"  # behind a URL that looks like the one before it


@dataclass(frozen=True, slots=True)
class _Known:
    """A rule that a document has: what it shows of it, and its URL; empty for no webhook."""

    shown: Mapping[str, Any]
    url: str


def with_whole_urls(
    document: Mapping[str, Any], stored: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The document with the stored URLs where its own are cut off; itself where none is.

    Raises InvalidInputError for each of which it is not clear what it stands for.
    """
    rules = document.get("notify") or ()
    cut = [index for index, each in enumerate(rules) if _is_cut(_url(each))]
    if not cut:
        return document
    known = _known(stored or {})
    whole, problems = list(rules), []
    for index in cut:
        url = _found(rules, index, known)
        if url:
            whole[index] = _with_url(rules[index], url)
        else:
            problems.append(_unclear(index, rules[index], known))
    if problems:
        raise InvalidInputError(problems)
    return {**document, "notify": whole}


def with_changes_marked(
    shown: Mapping[str, Any], document: Mapping[str, Any], before: Mapping[str, Any]
) -> Mapping[str, Any]:
    """`shown`, which is of the document, with a word behind URLs that differ out of sight."""
    rules, known = _known(document), _known(before)
    if not rules or not known:
        return shown
    marked = [
        _with_url(each.shown, shown_url(each.url) + _CHANGED)
        if each.url and _differs(index, each.url, rules, known)
        else each.shown
        for index, each in enumerate(rules)
    ]
    return {**shown, "notify": marked}


def _found(rules: Sequence[Mapping[str, Any]], index: int, known: Sequence[_Known]) -> str:
    """The one URL that a cut one can stand for; empty for none, or several."""
    rule = rules[index]
    alike = [each for each in known if each.url and shown_url(each.url) == _url(rule)]
    for some in ([each for each in alike if each.shown == rule], alike):
        urls = {each.url for each in some}
        if len(urls) == 1:
            return urls.pop()
    is_same_place = len(rules) == len(known) and known[index] in alike
    return known[index].url if is_same_place else ""


def _unclear(index: int, rule: Mapping[str, Any], known: Sequence[_Known]) -> Problem:
    is_there = any(each.url and shown_url(each.url) == _url(rule) for each in known)
    reason = (
        "may stand for several URLs of the newest version"
        if is_there
        else "stands for a URL that the newest version does not have"
    )
    return Problem(f"$.notify[{index}].webhook.url", reason, allowed="the whole URL")


def _differs(index: int, url: str, rules: Sequence[_Known], before: Sequence[_Known]) -> bool:
    """Say whether a URL was another one that looks the same."""
    if len(rules) == len(before):
        old = before[index].url
        return bool(old) and old != url and shown_url(old) == shown_url(url)
    urls = {each.url for each in before}
    return url not in urls and shown_url(url) in {shown_url(each) for each in urls}


def _known(document: Mapping[str, Any]) -> list[_Known]:
    rules = document.get("notify") or ()
    shown = with_hosts_alone(document).get("notify") or ()
    return [_Known(after, _url(rule)) for rule, after in zip(rules, shown, strict=True)]


def _url(rule: Mapping[str, Any]) -> str:
    return str((rule.get("webhook") or {}).get("url", ""))


def _is_cut(url: str) -> bool:
    return bool(url) and shown_url(url) == url


def _with_url(rule: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    return {**rule, "webhook": {**rule["webhook"], "url": url}}
