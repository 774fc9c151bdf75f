# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator for unit tests: a server in a thread of the test's own process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Union

from .api.faults import parse_fault
from .api.service import RecordedRequest, Service
from .core.changes import MemberEdit
from .core.model import DEFAULT_GROUP, BackendServer
from .core.settings import Settings
from .core.state_document import load_state, parse_state
from .data_plane.haproxy import make_data_plane
from .http.server import LoopbackServer, tls_context

PathLike = Union[str, Path]


class Emulator:
    """A running emulator, seen from a test."""

    def __init__(self, service: Service, url: str) -> None:
        self._service = service
        self.url = url

    @property
    def requests(self) -> list[RecordedRequest]:
        """The API requests so far, oldest first."""
        return self._service.requests

    def add_fault(self, document: Mapping[str, Any]) -> None:
        """Add a fault, described as in README.md; DocumentError when it is not valid."""
        self._service.faults.add(parse_fault(dict(document)))

    def on_request(self, callback: Callable[[RecordedRequest], None]) -> None:
        """Call this for each request from now on: it has taken effect, and its response has not been sent."""
        self._service.on_request = callback

    def clear(self) -> None:
        """Forget the recorded requests and the faults that still wait."""
        self._service.clear_requests()
        self._service.faults.put([])

    def change_settings(self, document: Mapping[str, Any]) -> None:
        """Change some of the settings; DocumentError when one is unknown or its value is not valid."""
        self._service.change_settings(dict(document))

    def members(self, load_balancer_id: str, vserver_group_id: str = DEFAULT_GROUP) -> list[BackendServer]:
        """The current members of the default group or of a vServer group; KeyError for an unknown id."""
        return self._service.members(load_balancer_id, vserver_group_id)

    def vserver_groups(self, load_balancer_id: str) -> list[str]:
        """The ids of the current vServer groups, in their order; KeyError for an unknown id."""
        return self._service.vserver_groups(load_balancer_id)

    def frontend_url(self, load_balancer_id: str, listener_port: int) -> str:
        """Where the data plane takes the traffic of a listener; KeyError when it takes none."""
        url = self._service.data_plane.frontend_url(load_balancer_id, listener_port)
        if url is None:
            raise KeyError((load_balancer_id, listener_port))
        return url

    def data_plane(self) -> dict[str, Any]:
        """Frontends and servers with their numbers, as in the control API."""
        return self._service.data_plane.describe()

    def edit(self, load_balancer_id: str, edits: Sequence[MemberEdit]) -> None:
        """Change members behind the API's back; KeyError for an unknown load balancer, group or server."""
        self._service.edit(load_balancer_id, edits)

    def set_weight(
        self,
        load_balancer_id: str,
        server_id: str,
        weight: int,
        vserver_group_id: str = DEFAULT_GROUP,
        port: int | None = None,
    ) -> None:
        """Change a weight behind the API's back; KeyError for an unknown load balancer, group or server.

        In a vServer group without a port: those of all ports of the server.
        """
        self.edit(load_balancer_id, [MemberEdit(server_id, weight, vserver_group_id=vserver_group_id, port=port)])


@contextmanager
def running(
    state: Mapping[str, Any] | PathLike,
    tls: tuple[PathLike, PathLike] | None = None,
    busy_seconds: float = 0.0,
    latency: float = 0.0,
    set_weight_as: str = "str",
    data_plane: str = "none",
    data_plane_delay: float = 0.0,
) -> Iterator[Emulator]:
    """Run an emulator on a free loopback port for the length of a with block.

    state is a state document or the path of a state file, tls a pair of PEM files (certificate, key). data_plane
    "haproxy" moves real traffic; DocumentError when it cannot.
    """
    parsed = parse_state(dict(state)) if isinstance(state, Mapping) else load_state(Path(state))
    context = tls_context(Path(tls[0]), Path(tls[1])) if tls else None
    plane = make_data_plane(data_plane, lambda sentence: None)
    service = Service(parsed, Settings(busy_seconds, latency, set_weight_as, data_plane_delay), plane)
    try:
        plane.start(parsed)
        server = LoopbackServer("127.0.0.1", 0, service, context)
    except BaseException:
        plane.stop()
        raise
    thread = threading.Thread(target=server.run, name="slb_emulator", daemon=True)
    thread.start()
    try:
        yield Emulator(service, server.url)
    finally:
        server.stop()
        thread.join()
