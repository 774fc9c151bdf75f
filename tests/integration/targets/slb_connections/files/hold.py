# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds connections open for a number of seconds, and listens meanwhile.

Usage: hold.py READY_FILE SECONDS SERVER_ADDRESS [CLIENT_ADDRESS ...]

Listens on SERVER_ADDRESS ("::" also takes IPv4) and opens a connection to each CLIENT_ADDRESS. Then it writes the port to
READY_FILE. A client "closed" is a connection that has ended on the server's side, so that its port stays in TIME_WAIT.
"""

from __future__ import annotations

import os
import socket
import sys
import time


def listen(address: str) -> socket.socket:
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if address == "::":
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind((address, 0))
    server.listen()
    return server


def main(ready_file: str, seconds: str, server_address: str, *client_addresses: str) -> None:
    server = listen(server_address)
    port = server.getsockname()[1]
    held = []
    for address in client_addresses:
        closed = address == "closed"
        client = socket.create_connection((server_address if closed else address, port))
        accepted = server.accept()[0]
        if closed:
            accepted.close()
            client.close()
        else:
            held += [client, accepted]
    with open(ready_file + ".part", "w", encoding="ascii") as file:
        file.write(str(port))
    os.rename(ready_file + ".part", ready_file)
    time.sleep(float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
