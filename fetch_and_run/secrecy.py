"""Secrets in what a job tells: whoever may look at the run would see them.

The scheduler hides the same and more; here the job is told so while it can still be mended.
"""

import re

_LOOKS = {
    "a user or a password in a URL": r"\b[a-z][a-z0-9+.-]*://[^/?#\s]*@",
    "a secret in a URL's query": (
        r"\b[a-z][a-z0-9+.-]*://\S*[?&#;](?:X-Amz-Signature|X-Amz-Security-Token|Signature|sig"
        r"|access_token|id_token|token|api_?key|password|client_secret)="
    ),
    "a JSON Web Token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.",
}
_KINDS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _LOOKS.items()}


def secret_in(text: str) -> str:
    """What kind of secret is in the text; empty for none."""
    return next((kind for kind, looks in _KINDS.items() if looks.search(text)), "")
