# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The API behind one ``call()``: deadline, retry, errors and redaction.

The SDK retries nothing for the product Slb, so all retries are here.
"""

from __future__ import annotations

import json
import random
import time
import typing as t
from urllib.parse import quote, quote_plus

from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import (
    Credentials,
    CredentialsProvider,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    SlbError,
    Unanswered,
    is_refusal_of_keys,
    is_retried,
    is_uncertain,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import (
    Answer,
    Connection,
    NoAnswer,
    NotSent,
    Transport,
)

Json = dict[str, t.Any]

FIRST_PAUSE = 0.5  # seconds; doubled with every further try
LONGEST_PAUSE = 8.0
CONNECT_TRIES = 4  # an endpoint that takes no connection is more often misspelt than down
LAST_READ_SECONDS = 1.5  # what reads may take beyond the deadline, to settle what became of a write
LONGEST_WORD = 200  # characters of a code or a request id; the API's have 50 at most


class Deadline:
    """A point in monotonic time, ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self, beyond: float = 0.0) -> float:
        """Seconds until the deadline, or until so many seconds ``beyond`` it."""
        return max(0.0, self._end + beyond - time.monotonic())

    def pause(self, tries: int) -> bool:
        """Sleep before the next of ``tries + 1`` attempts: exponential, capped, jittered. False if time is up."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries - 1, 10))
        seconds = longest * random.uniform(0.5, 1.0)
        if seconds >= self.remaining():
            return False
        time.sleep(seconds)
        return True


class Client:
    """Calls the Slb API and keeps the account of it: ``api_calls`` and ``request_ids``."""

    def __init__(self, connection: Connection, key_source: CredentialsProvider, deadline: Deadline) -> None:
        self.region = connection.region
        self.deadline = deadline
        self.request_ids: list[str] = []
        self._endpoint = connection.endpoint
        self._key_source = key_source
        self._transport = Transport(connection)

    @property
    def api_calls(self) -> int:
        return self._transport.requests_sent

    def read(self, action: str, parameters: t.Mapping[str, str]) -> Json:
        """Call an action that changes nothing, and again until it is answered or the deadline is reached.

        A try is also made when the deadline has just passed: it may settle what became of a write.
        """
        return self._until_answered(action, parameters, LAST_READ_SECONDS, again=(Unanswered,))

    def write(self, action: str, parameters: t.Mapping[str, str]) -> Json:
        """Call an action that changes something. Raises Unanswered when it may have taken effect or not."""
        return self._until_answered(action, parameters, 0.0, again=())

    def _until_answered(
        self, action: str, parameters: t.Mapping[str, str], beyond: float, again: tuple[type[SlbError], ...]
    ) -> Json:
        """``beyond``: the seconds that a try may take after the deadline, all such tries together."""
        tries = 0
        renewed = False
        while True:
            tries += 1
            seconds = self._time_for_a_try(beyond)
            if not seconds:
                raise SlbError("DeadlineReached", f"no time was left for {action}", advice="Raise wait_timeout.")
            try:
                return self._attempt(action, parameters, seconds)
            except SlbError as exc:
                if is_refusal_of_keys(exc.code) and not renewed:
                    renewed = self._key_source.refresh()
                    if renewed and self._time_for_a_try(beyond):
                        continue
                if not _is_worth_another_try(exc, tries, again) or not self.deadline.pause(tries):
                    raise

    def _time_for_a_try(self, beyond: float) -> float:
        return max(self.deadline.remaining(), min(beyond, self.deadline.remaining(beyond)))

    def _attempt(self, action: str, parameters: t.Mapping[str, str], seconds: float) -> Json:
        keys = self._key_source.credentials()
        try:
            answer = self._transport.exchange(action, parameters, keys, seconds)
        except NotSent as exc:
            raise _not_sent(exc, self._endpoint) from None
        except NoAnswer as exc:
            raise Unanswered(
                "NoAnswer",
                f"{action} got no whole answer from {self._endpoint} ({redacted(str(exc), keys)})",
                advice="Check the network between this host and the API.",
            ) from None
        return self._judged(action, answer, keys)

    def _judged(self, action: str, answer: Answer, keys: Credentials) -> Json:
        """The answer as JSON, or the error that it stands for."""
        status, content = answer.http_status, _parsed(answer.body)
        request_id = _word(content, "RequestId")
        if request_id:
            request_id = redacted(request_id, keys)
            self.request_ids.append(request_id)
        code = _word(content, "Code")
        # Every answer of the API has a RequestId; without one a JSON object is somebody else's.
        if content is not None and content.get("Code") is None and status == 200 and request_id:
            return content
        if not code:
            raise Unanswered(
                "UnusableAnswer",
                f"{action} was answered by {self._endpoint} with HTTP status {status} and {_kind(answer.body)}",
                http_status=status,
                request_id=request_id,
                advice="Check that endpoint, and a proxy on the way, lead to the Slb API.",
            )
        message = str((content or {}).get("Message") or "no message").partition(" server string to sign is:")[0]
        kind = Unanswered if is_uncertain(code, status) and not is_retried(code) else SlbError
        raise kind(redacted(code, keys), redacted(message, keys), http_status=status, request_id=request_id)


def _is_worth_another_try(exc: SlbError, tries: int, again: tuple[type[SlbError], ...]) -> bool:
    if isinstance(exc, EndpointUnreachable):
        return tries < CONNECT_TRIES
    return isinstance(exc, again) or is_retried(exc.code)


class EndpointUnreachable(SlbError):
    """No connection could be made; it may be possible a moment later."""


def _not_sent(exc: NotSent, endpoint: str) -> SlbError:
    if exc.certificate:
        return SlbError(
            "CertificateInvalid",
            f"the certificate of {endpoint} is not accepted: {exc}",
            advice="Check endpoint, or give the CA that signed it with ca_path.",
        )
    message = f"no connection to {endpoint}: {exc}"
    advice = "Check region and endpoint, and the network and proxy settings of this host."
    if exc.permanent:
        return SlbError("EndpointUnusable", message, advice=advice)
    return EndpointUnreachable("EndpointUnreachable", message, advice=advice)


def _parsed(body: bytes) -> Json | None:
    """The JSON object in a body, or None. JSONDecodeError and the errors of Unicode are ValueErrors."""
    try:
        content = json.loads(body.decode())
        if b"\\ud" in body.lower():
            # Ansible throws a whole result away, true as it may be, for half a character in it.
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _word(content: Json | None, name: str) -> str | None:
    """A code or an id of the answer, or None where it is not of such a form."""
    value = (content or {}).get(name)
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_WORD else None


def _kind(body: bytes) -> str:
    """What an unusable body is, without showing it: nobody knows what it holds."""
    if not body.strip():
        return "an empty body"
    if body.lstrip()[:1] == b"<":
        return "HTML or XML in place of JSON"
    return "a body that is no answer of this API"


def redacted(text: str, keys: Credentials) -> str:
    """The text without key id, secret and token, plain or as a URL carries them."""
    for secret in filter(None, keys):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "********")
    return text
