# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service on all addresses, and a connection to it: hold.py ADDRESS FILE. The port is written to the file."""

import socket
import sys
import time

with socket.create_server(("0.0.0.0", 0)) as service:
    port = service.getsockname()[1]
    client = socket.create_connection((sys.argv[1], port))
    server, _client_address = service.accept()
    with open(sys.argv[2], "w", encoding="ascii") as file:
        file.write(str(port))
    time.sleep(120)
