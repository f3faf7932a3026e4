"""The alert hook: one JSON document POSTed to INDEXHOUSE_ALERT_URL when a run fails.

Not here: fetching sources (sources.http) and deciding that a run failed (publishing, assets.automation).
"""

from __future__ import annotations

from typing import Any

TIMEOUT_SECONDS = 10.0


def post_json(url: str, document: dict[str, Any]) -> str:
    """Send one document; returns '' or, in a few words without the address, why it could not be sent."""
    import logging

    import httpx

    logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO line holds the whole address
    try:
        answer = httpx.post(url, json=document, timeout=TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__
    return "" if answer.is_success else f"the answer was {answer.status_code}"
