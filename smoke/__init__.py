"""Asks a deployed stage whether AWS behaves as we rely on: `make smoke`, docs/unverified.md.

`command` is what is typed, `trial` what a check works with, `checks` what a check is; the other
modules hold the checks, each under the name that its row in docs/unverified.md has.
"""
