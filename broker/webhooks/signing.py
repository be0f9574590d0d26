"""How a message is signed, so that whoever gets it knows that it is ours and how old it is.

Source: Standard Webhooks, https://www.standardwebhooks.com: HMAC-SHA256 over id, time and text.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

PREFIX = "whsec_"


def derived_secret(secret_key: str, webhook_id: str, number: int) -> str:
    """Return a webhook's secret, which follows from the installation's key and is stored nowhere.

    Another number gives another secret.
    """
    about = f"webhook {webhook_id} {number}".encode()
    drawn = hmac.digest(secret_key.encode(), about, "sha256")
    return PREFIX + base64.b64encode(drawn).decode()


def signed_headers(secret: str, message_id: str, at_seconds: int, body: bytes) -> Mapping[str, str]:
    """Return the headers that prove a message. Units: seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = b".".join((message_id.encode(), str(at_seconds).encode(), body))
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": f"v1,{signature}",
    }
