# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Every exception of this collection.

* ``SlbError``: ends the task

  * ``InvalidArgument``: an option is wrong; nothing was sent
  * ``CredentialsUnobtainable``: the source that was named provides no credentials
  * ``EndpointUnreachable``: no connection could be made; a retry may help
  * ``OutcomeUnknown``: a request was sent and no usable response came back

* ``ConnectFailed``, ``NoResponse``: how one HTTP exchange failed; the client turns them into an SlbError

The codes are the API's own (vendor pages "Common error codes" and the help pages of each action) or one of this
collection's: those are named where they are raised.
"""

from __future__ import annotations

import typing as t

LONGEST_MESSAGE = 1000  # characters; a response may contain anything


def printable(text: str) -> str:
    """Collapse untrusted text to one line without control characters or characters that cannot be encoded."""
    return "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))


class SlbError(Exception):
    """A failure that ends the task.

    ``code``: the API's or this collection's. ``message``: one sentence. ``http_status`` and ``request_id``: those of the
    response, if there was one. ``advice``: one sentence on what to do.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        http_status: int | None = None,
        request_id: str | None = None,
        advice: str = "",
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = printable(message)[:LONGEST_MESSAGE]
        self.http_status = http_status
        self.request_id = request_id
        self.advice = advice or advice_for(code, http_status)

    def as_dict(self) -> dict[str, t.Any]:
        """The content of the result key ``error``."""
        return {
            "code": self.code,
            "message": self.message,
            "http_status": self.http_status,
            "request_id": self.request_id,
        }

    def sentence(self) -> str:
        """Code, message, request id and advice on one line."""
        text = f"{self.code}: {_ended(self.message)}"
        if self.request_id:
            text += f" Request id {self.request_id}."
        return f"{text} {self.advice}".rstrip()


class InvalidArgument(SlbError):
    """The task is wrong, which was found before any call or when the members were read."""

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__("InvalidArgument", message, advice=advice)


class CredentialsUnobtainable(SlbError):
    """A source that was named provides no credentials. ``source`` and ``reason`` are parts of one sentence."""

    def __init__(self, source: str, reason: str, advice: str, *, code: str = "", request_id: str | None = None) -> None:
        message = f"cannot get credentials from {source}: {reason}"
        super().__init__(code or "CredentialsUnobtainable", message, request_id=request_id, advice=advice)


class EndpointUnreachable(SlbError):
    """No connection could be made; it may be possible a moment later."""


class OutcomeUnknown(SlbError):
    """A request was sent and no usable response came back: a write may or may not have taken effect."""


class ConnectFailed(Exception):
    """No connection could be made, so the API cannot have seen the request.

    ``permanent``: retrying is pointless. ``certificate``: the certificate was rejected, so retrying is pointless too.
    """

    def __init__(self, reason: str, *, permanent: bool = False, certificate: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.certificate = certificate


class NoResponse(Exception):
    """The request left this machine and no complete response came back."""


def _ended(message: str) -> str:
    return message if message.endswith((".", "!", "?")) else message + "."


# A code that starts with a dotted prefix given here is covered by it (Throttling -> Throttling.User).
RETRIED_CODES = (
    # The load balancer takes one change at a time.
    "BackendServer.configuring",
    "ServiceIsConfiguring",
    "ServiceIsStopping",
    "OperationBusy",
    "OperationConflict",
    "Operation.Conflict",
    "SystemBusy",  # 449 or 400: the documents disagree, so codes decide and statuses do not
    "ResourceInOperating",
    "VServerGroupProcessing",
    "OperationFailed.ServiceGroupProcessing",
    "BackendServerProcessing",
    "ProcessingSameRequest",
    "LocationServiceTimeout",
    "SignatureNonceUsed",  # every attempt is signed anew
    # Flow control.
    "Throttling",
    "Rejected.Throttling",
)

# The vendor does not document whether these are raised before or after the change takes effect.
UNCERTAIN_CODES = ("InternalError", "InternalInvokeError")


# The access key or its token was refused: it may have been replaced meanwhile.
REFUSED_KEYS_CODES = ("InvalidSecurityToken", "InvalidAccessKeyId")


def is_refusal_of_keys(code: str) -> bool:
    """Whether the API refused the request because of its access key, before it looked at anything else."""
    return code.partition(".")[0] in REFUSED_KEYS_CODES


def is_retried(code: str) -> bool:
    """Whether this code means: nothing was done, retry later."""
    return any(code == known or code.startswith(known + ".") for known in RETRIED_CODES)


def is_uncertain(code: str, http_status: int) -> bool:
    """Whether a write may have taken effect despite this error. ServiceUnavailable with status 400 is final."""
    return http_status >= 500 or code in UNCERTAIN_CODES


_KEYS_ADVICE = "Check access_key and secret_key, or ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY."
_TOKEN_ADVICE = "Get a new security token: this one has expired or belongs to another access key."
_CLOCK_ADVICE = "Set the clock of this machine: the API accepts requests that are at most 15 minutes off."

_ADVICE = {
    "InvalidLoadBalancerId.NotFound": "Check load_balancer_id, and that region is the region of this load balancer.",
    "InvalidRegionId.NotFound": "Check region.",
    "UnauthorizedRegion": "Check region, and which regions this access key may use.",
    "OperationFailed.Endpoint": "Check that endpoint belongs to region.",
    "InvalidProduct.NotFound": "Check endpoint: it does not serve the Slb API.",
    "InvalidVersion": "Check endpoint: it does not serve the Slb API of 2014-05-15.",
    "InvalidAction.NotFound": "Check endpoint: it does not serve the Slb API of 2014-05-15.",
    "InvalidApi.NotFound": "Check endpoint: it does not serve the Slb API of 2014-05-15.",
    "InvalidAccessKeyId": _KEYS_ADVICE,
    "InvalidAccessKeySecret": _KEYS_ADVICE,
    "IncompleteSignature": _KEYS_ADVICE,
    "SignatureDoesNotMatch": "Check secret_key: it does not belong to this access key.",
    "InvalidSecurityToken": _TOKEN_ADVICE,
    "MissingSecurityToken": "This access key is temporary: give its security_token too.",
    "InvalidTimeStamp": _CLOCK_ADVICE,
    "Forbidden": "Allow the action in the RAM policy of this access key: on the load balancer and, for writes, on its servers.",
    "Forbbiden": "Allow the action in the RAM policy of this access key: on the load balancer and, for writes, on its servers.",
    "NoPermission": "Allow the action in the RAM policy of this access key: on the load balancer and, for writes, on its servers.",
    "ObtainIpFail": "Check that every server in the task exists and is running.",
    "InvalidServerId": "Check that every server in the task exists and is running.",
    "LbStatusNotSupport": "Check the state of the load balancer in the console: it may be stopped or locked.",
    "AccountHasArrearage": "Pay the overdue bill of the account.",
}


def advice_for(code: str, http_status: int | None = None) -> str:
    """One sentence on what to do about a code, or an empty string."""
    found = _ADVICE.get(code) or _ADVICE.get(code.partition(".")[0])
    if found:
        return found
    if is_retried(code):
        return "The load balancer stayed busy or the API throttled: retry later, or raise wait_timeout."
    if http_status is not None and http_status >= 500:
        return "The API failed internally: retry later."
    return ""
