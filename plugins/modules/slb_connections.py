#!/usr/bin/python

# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs on the servers, so on Python 3.6 too: ansible-core 2.16 manages hosts that have nothing newer, such as RHEL 8.

DOCUMENTATION = r"""
module: slb_connections
short_description: Wait until a server has no connections on its ports
version_added: 1.0.0
description:
  - Counts the established TCP connections to one or more ports of the host and waits until there are none.
  - Use it between taking a server out of traffic and updating it, so that requests in progress can finish. The role
    P(aliyun_community.slb.rolling_update#role) does this for you.
  - Sees connections to every address of the host, with IPv4, IPv6 and IPv4-mapped IPv6. C(ansible.builtin.wait_for) with
    C(state=drained) looks at one address only, by default V(127.0.0.1).
  - A connection whose two ends are on the host counts once, at the end that has O(port).
  - If the connections cannot be counted, the task fails. A failed count never means that there are none.
  - Counts those of the host itself. Connections that it forwards, as to a container with a published port, are not among
    them. If nothing listens on a port, a warning says so.
  - Runs on the host, with its connection and without C(become). It calls no API and needs none of the options of the other
    modules of this collection. Reads C(/proc/net/tcp) and C(/proc/net/tcp6). Systems without them need C(psutil).
  - During a long wait a line every 10 seconds says how many connections are left.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.attributes.info_module
attributes:
  action_group:
    support: none
    membership: []
  check_mode:
    details:
      - Counts once in check mode. Does not wait then, and does not fail because of connections.
options:
  port:
    description:
      - The port on the host, not the port of a listener, or a list of ports. Each is a whole number from V(1) to V(65535).
    type: list
    elements: int
    required: true
  timeout:
    description:
      - How many seconds to wait for the last connection to end. A whole number from V(0) to V(86400). With V(0) the
        connections are counted once.
    type: int
    default: 300
  on_timeout:
    description:
      - What to do if connections are left at O(timeout).
      - With V(continue) the task succeeds, with RV(timed_out=true). With V(fail) it fails.
    type: str
    choices: [continue, fail]
    default: continue
requirements:
  - python >= 3.6
seealso:
  - module: aliyun_community.slb.slb_backend_weights
author:
  - aliyun_community.slb contributors (@aliyun-community)
"""

EXAMPLES = r"""
- name: Wait until requests in progress have finished
  aliyun_community.slb.slb_connections:
    port: 8080
    timeout: 120

- name: Do not continue while clients are connected to one of two services
  aliyun_community.slb.slb_connections:
    port: [5432, 6432]
    timeout: 600
    on_timeout: fail
"""

RETURN = r"""
closed_ports:
  description: Those of O(port) on which nothing listened at the beginning.
  returned: success, and when O(on_timeout=fail) made the task fail
  type: list
  elements: int
  sample: []
connections:
  description: How many connections there were at the end. Missing if they could not be counted.
  returned: success, and when O(on_timeout=fail) made the task fail
  type: int
  sample: 3
elapsed:
  description: How long the task waited, in seconds.
  returned: success, and when O(on_timeout=fail) made the task fail
  type: int
  sample: 300
timed_out:
  description: Whether connections were left at O(timeout). Always V(false) in check mode.
  returned: success, and when O(on_timeout=fail) made the task fail
  type: bool
  sample: true
peers:
  description: Where the connections came from, the addresses with the most connections first. At most 10 addresses.
  returned: success, and when O(on_timeout=fail) made the task fail
  type: list
  elements: dict
  sample: [{"address": "192.168.0.11", "connections": 2}, {"address": "192.168.0.12", "connections": 1}]
  contains:
    address:
      description: The remote address. An IPv4-mapped IPv6 address is shown as IPv4.
      type: str
    connections:
      description: How many connections came from it.
      type: int
"""

import collections
import importlib
import re
import socket
import struct
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

PROC_FOLDER = "/proc/net"
LOOK_SECONDS = 0.5
# With tens of thousands of connections one look takes tenths of a second: the server keeps nine tenths of its processor.
REST = 9
MOST_PEERS = 10

_ESTABLISHED = "01"
_LISTEN = "0A"
# "   0: 0100007F:1F90 0200007F:C350 01 ...": number, local and remote address, state.
_HEADER = re.compile(r"\s*sl\s+local_address\s")
_ENTRY = re.compile(
    r"\s*\d+: (?P<local>[0-9A-F]+):(?P<port>[0-9A-F]{4}) (?P<remote>[0-9A-F]+):(?P<remote_port>[0-9A-F]{4})"
    r" (?P<state>[0-9A-F]{2}) "
)
_MAPPED = b"\0" * 10 + b"\xff\xff"


class NotCounted(Exception):
    """The connections cannot be counted. The text is a sentence for the user."""


def count_peers(ports: t.Collection[int], folder: str = PROC_FOLDER) -> t.Counter[str]:
    """How many established connections to the local ports each remote address has."""
    # The kernel hands out its table in parts and can skip an entry if another one ends meanwhile. So one look that
    # finds nothing does not prove that there is nothing.
    return _look(ports, folder) or _look(ports, folder)


def _look(ports: t.Collection[int], folder: str) -> t.Counter[str]:
    table = _read(folder + "/tcp")
    if table is None:
        return _ask_psutil(ports, folder)
    peers = parse_table(table, folder + "/tcp", ports)
    table = _read(folder + "/tcp6")  # missing where IPv6 is off
    if table is not None:
        peers.update(parse_table(table, folder + "/tcp6", ports))
    return peers


def _read(path: str) -> t.Optional[str]:
    """The content of a file; None if it does not exist."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise NotCounted(f"The connections cannot be counted: {path} cannot be read ({error}).") from error


def parse_table(table: str, path: str, ports: t.Collection[int]) -> t.Counter[str]:
    """The remote addresses of the established connections to local ports in the text of /proc/net/tcp or tcp6."""
    lines = table.splitlines()
    if not lines or not _HEADER.match(lines[0]):
        raise NotCounted(f"The connections cannot be counted: {path} does not begin as expected.")
    # The kernel can list an entry twice if others begin while it hands out its table.
    found = set()
    for number, line in enumerate(lines[1:], start=2):
        entry = _ENTRY.match(line)
        if not entry or len(entry["local"]) not in (8, 32) or len(entry["remote"]) != len(entry["local"]):
            raise NotCounted(
                f"The connections cannot be counted: line {number} of {path} is not as expected: {line!r}."
            )
        if entry["state"] == _ESTABLISHED and int(entry["port"], 16) in ports:
            found.add((entry["local"], entry["port"], entry["remote"], entry["remote_port"]))
    return collections.Counter(readable_address(remote) for _local, _port, remote, _remote_port in found)


def readable_address(digits: str) -> str:
    """An address as people write it, from the hexadecimal digits of the kernel: words of 32 bits in the host's order."""
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    if packed.startswith(_MAPPED):
        packed = packed[len(_MAPPED) :]
    return socket.inet_ntop(socket.AF_INET6 if len(packed) == 16 else socket.AF_INET, packed)


def _ask_psutil(ports: t.Collection[int], folder: str) -> t.Counter[str]:
    try:
        psutil: t.Any = importlib.import_module("psutil")
    except ImportError as error:
        advice = f"there is no {folder}/tcp, and the Python package psutil is not installed on the host"
        raise NotCounted(f"The connections cannot be counted: {advice}.") from error
    try:
        found = psutil.net_connections("tcp")
        ours = [each for each in found if each.status == psutil.CONN_ESTABLISHED and each.laddr.port in ports]
        return collections.Counter(each.raddr.ip.replace("::ffff:", "", 1) for each in ours)
    except Exception as error:
        reason = str(error) or error.__class__.__name__
        raise NotCounted(f"The connections cannot be counted: psutil failed ({reason}).") from error


def wait(ports: t.Collection[int], timeout: int) -> t.Dict[str, t.Any]:
    """Count until there is no connection or the timeout, in seconds, is over."""
    started = time.monotonic()
    peers, took = _timed_look(ports)
    while peers:
        left = started + timeout - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(max(LOOK_SECONDS, REST * took), left))
        peers, took = _timed_look(ports)
    most = [{"address": address, "connections": count} for address, count in peers.most_common(MOST_PEERS)]
    return {"connections": sum(peers.values()), "elapsed": int(time.monotonic() - started), "peers": most}


def closed_ports(ports: t.Collection[int], folder: str = PROC_FOLDER) -> t.List[int]:
    """The ports on which nothing listens."""
    tables = [_read(f"{folder}/{name}") for name in ("tcp", "tcp6")]
    if tables[0] is None:
        listening = _listening_by_psutil()
    else:
        entries = [_ENTRY.match(line) for table in tables for line in (table or "").splitlines()]
        listening = {int(entry["port"], 16) for entry in entries if entry and entry["state"] == _LISTEN}
    return [port for port in ports if port not in listening]


def _listening_by_psutil() -> t.Set[int]:
    try:
        psutil: t.Any = importlib.import_module("psutil")
        return {each.laddr.port for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN}
    except Exception:
        return set()  # the count fails for the same reason, and says it


def _timed_look(ports: t.Collection[int]) -> t.Tuple[t.Counter[str], float]:
    started = time.monotonic()
    return count_peers(ports), time.monotonic() - started


def main() -> None:
    # The action of the same name runs this module in slices; on_timeout is decided there.
    module = AnsibleModule(
        argument_spec={
            "port": {"type": "list", "elements": "int", "required": True},
            "timeout": {"type": "int", "default": 300},
            "on_timeout": {"type": "str", "choices": ["continue", "fail"], "default": "continue"},
        },
        supports_check_mode=True,
    )
    ports, timeout = module.params["port"], module.params["timeout"]
    for port in ports:
        if not 1 <= port <= 65535:
            module.fail_json(msg=f"port is {port}. Give a whole number from 1 to 65535.")
    try:
        result = {
            "closed_ports": closed_ports(ports),
            **wait(ports, 0 if module.check_mode else timeout),
        }
    except NotCounted as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
