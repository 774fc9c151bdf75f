# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers behind load balancers as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: slb
short_description: Servers behind Alibaba Cloud load balancers
version_added: 1.0.0
author:
  - aliyun_community.slb contributors (@aliyun-community)
description:
  - Makes a host of each server behind Classic Load Balancers (CLB, formerly SLB), with the address that Ansible connects
    to and the variables that the role P(aliyun_community.slb.rolling_update#role) needs. No other inventory is
    necessary for a rolling update.
  - The name of the file must end in C(.slb.yml) or C(.slb.yaml).
  - Addresses come from the load balancers, so no permission for the ECS API is required.
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
  - aliyun_community.slb.connection
options:
  plugin:
    description:
      - The name of this plugin.
    type: str
    required: true
    choices: [aliyun_community.slb.slb]
  regions:
    description:
      - The regions to look in, if there are several. Takes precedence over O(region).
    type: list
    elements: str
  load_balancer_ids:
    description:
      - The ids of load balancers.
      - Without O(load_balancer_ids), O(load_balancer_names), O(tags) and O(resource_group_id), all load balancers of the
        region are used. With several of them, those that meet all conditions.
    type: list
    elements: str
  load_balancer_names:
    description:
      - The names of load balancers. Several load balancers can have the same name.
    type: list
    elements: str
  tags:
    description:
      - Tags that load balancers must have, all of them. At most 20.
    type: dict
  resource_group_id:
    description:
      - The resource group that load balancers must be in.
    type: str
  hostname:
    description:
      - A Jinja2 expression for the names of the hosts, as in O(compose). It can use the variables of the host.
      - Without it, the name is the id of the server. For a network interface, which can be several members, the name is
        C(ID_ADDRESS).
      - Characters other than letters, digits, C(.), C(-) and C(_) are replaced with C(_).
      - It is an error if two servers have the same name.
    type: str
  strict:
    description:
      - Whether there is no inventory at all if a load balancer cannot be read, or if an expression fails.
      - With V(false), a load balancer that cannot be read is left out with a warning, and expressions that fail are
        skipped. Then no host of that region gets C(rolling_update_load_balancer_ids), because a rolling update that does
        not know all load balancers of a server would update it under traffic.
    type: bool
    default: true
notes:
  - The Python packages are required by the Python that runs Ansible.
  - Text options may be templates, for example with the lookup P(ansible.builtin.env#lookup). They can use extra variables.
  - O(wait_timeout) limits the time for each load balancer.
  - Needs the permissions C(slb:DescribeLoadBalancerAttribute), C(slb:DescribeVServerGroups) and
    C(slb:DescribeVServerGroupAttribute). Also C(slb:DescribeLoadBalancers), unless there are only O(load_balancer_ids) in one
    region, and C(slb:DescribeHealthStatus), unless the load balancers list an address for each member.
  - Takes two calls for each load balancer, one for each vServer group, and one for the health if addresses are missing.
    Finding load balancers takes one call for every 100.
  - Each host has the variables C(slb_memberships) (a list with a dictionary for each member that the server is, with
    C(load_balancer_id), C(load_balancer_name), C(vserver_group_id), C(vserver_group_name), C(port), C(weight), C(type),
    C(server_ip) and C(description)), C(rolling_update_server_id), C(rolling_update_load_balancer_ids),
    C(rolling_update_region), and for network interfaces and container instances C(rolling_update_server_ip).
  - The address is in C(ansible_host). A load balancer without listeners may not know it. Set C(ansible_host) yourself then,
    for example with O(compose).
  - All hosts are in the group C(slb_servers), and those with a weight of 0 in any server group also in C(slb_drained).
    There are also groups for each load balancer (C(slb_LOAD_BALANCER_ID) and C(slb_name_LOAD_BALANCER_NAME)), its default
    server group (C(slb_LOAD_BALANCER_ID_default)) and each vServer group (C(slb_VSERVER_GROUP_ID) and
    C(slb_group_VSERVER_GROUP_NAME)). Ansible replaces characters that names of groups cannot have with C(_).
  - With O(cache), weights and members can be older than they look. Rolling updates read the weights again in any case, but
    not which load balancers a host is behind. If a server may have joined another one since, run them with
    C(--flush-cache). An inventory in which a load balancer is missing is not cached.
  - Names and descriptions from the API are never templates, whoever wrote them.
seealso:
  - plugin: ansible.builtin.constructed
    plugin_type: inventory
  - name: Inventory and audit
    description: An inventory from load balancers, and the audit of what is out of traffic.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/inventory_guide.rst
  - name: Rolling updates
    description: A rolling update whose inventory is the load balancer.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/rolling_updates_guide.rst
  - name: Credentials
    description: The sources of credentials and their order.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/credentials_guide.rst
  - name: Troubleshooting by error code
    description: Error codes, and what to do about each.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/troubleshooting_guide.rst
"""

EXAMPLES = r"""
# lb.slb.yml: the servers behind one load balancer. Credentials come from the environment.
#
#   ansible-inventory -i lb.slb.yml --graph
#   ansible-playbook -i lb.slb.yml aliyun_community.slb.rolling_update -e rolling_update_tasks_file=update.yml
---
plugin: aliyun_community.slb.slb
region: cn-hangzhou
load_balancer_ids:
  - lb-bp1qjwo61pqz3ahltv0mw

# shop.slb.yml: all load balancers of a team in two regions, with the address that a bastion knows and more groups.
---
plugin: aliyun_community.slb.slb
regions:
  - cn-hangzhou
  - cn-shanghai
tags:
  team: shop
hostname: slb_memberships[0].description | default(rolling_update_server_id, true)
compose:
  ansible_user: "'deploy'"
  slb_ports: slb_memberships | map(attribute='port') | select | unique | list
groups:
  behind_several_load_balancers: slb_memberships | map(attribute='load_balancer_id') | unique | length > 1
keyed_groups:
  - key: rolling_update_region
    prefix: region

# team.slb.yml: a profile of its own, and a cache of five minutes.
---
plugin: aliyun_community.slb.slb
region: cn-hangzhou
profile: "{{ lookup('ansible.builtin.env', 'TEAM_PROFILE') }}"
load_balancer_names:
  - web
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/slb_inventory
cache_timeout: 300
"""

import hashlib
import json
import os
import re
import typing as t

from ansible.errors import AnsibleError, AnsibleOptionsError, AnsibleParserError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.aliyun_community.slb.plugins.module_utils import _inventory
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import connection_argument_spec
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._inventory import Server
from ansible_collections.aliyun_community.slb.plugins.module_utils._selection import Found, Selection, Source

Json = dict[str, t.Any]

_PLAIN = re.compile(r"[\w .:/@-]*")
_OWN_OPTIONS = ("regions", "load_balancer_ids", "load_balancer_names", "tags", "resource_group_id")
# What decides whom the API lets in; the secrets do not.
_ACCOUNT_OPTIONS = ("endpoint", "access_key", "profile", "shared_credentials_file", "ecs_role_name", "assume_role")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """See DOCUMENTATION."""

    NAME = "aliyun_community.slb.slb"

    if t.TYPE_CHECKING:  # these have no types
        inventory: t.Any
        templar: t.Any
        _read_config_data: t.Any
        get_option: t.Any
        _compose: t.Any
        _set_composite_vars: t.Any
        _add_host_to_composed_groups: t.Any
        _add_host_to_keyed_groups: t.Any

    def verify_file(self, path: str) -> bool:
        base: t.Any = super()
        return bool(base.verify_file(path)) and path.endswith((".slb.yml", ".slb.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            self._read_options(path)
            options = self._checked_options()
            self._populate(*self._cached_servers(options, path, cache))
        except SlbError as exc:
            raise AnsibleParserError(printable(exc.sentence())) from None

    def _read_options(self, path: str) -> None:
        """Read the file. Raises InvalidArgument in place of Ansible's message, which has the value, maybe a secret."""
        try:
            self._read_config_data(path)
        except AnsibleOptionsError as exc:
            found = re.search(r"(?:Config '|setting: )(\w+)", str(exc))
            name = found.group(1) if found else "an option"
            raise InvalidArgument(
                f"{name} does not have its documented type", f"See ansible-doc -t inventory {self.NAME}."
            ) from None

    def _checked_options(self) -> Json:
        """The connection options, as for a module, and those that select load balancers. Raises InvalidArgument."""
        spec = connection_argument_spec()
        given: Json = {name: value for name in spec if (value := self._option(name)) not in (None, "")}
        checked = ArgumentSpecValidator(spec).validate(given)
        if checked.error_messages:
            raise InvalidArgument(printable("; ".join(checked.error_messages)).rstrip("."))
        return {**checked.validated_parameters, **{name: self._option(name) for name in _OWN_OPTIONS}}

    def _option(self, name: str) -> t.Any:
        self.templar.available_variables = self._vars
        try:
            return _plain(self.templar.template(self.get_option(name)))
        except AnsibleError as exc:
            raise InvalidArgument(f"{name} cannot be computed: {printable(str(exc))}") from None

    def _cached_servers(self, options: Json, path: str, cache: bool) -> tuple[list[Server], Found | None]:
        """The servers, and what was read for them; None if they come from the cache."""
        selection = Selection.parse(options)
        use_cache = self.get_option("cache")
        key = f"{self.get_cache_key(path)}_{_fingerprint(options)}"
        if use_cache and cache:
            try:
                return [Server.from_dict(row) for row in self._cache[key]["servers"]], None
            except (KeyError, TypeError):
                pass  # there is nothing yet, or another version wrote it
        found = self._read(selection, options)
        servers = _inventory.servers_of(found.load_balancers)
        if use_cache and not found.problems:
            self._cache[key] = {"servers": [server.as_dict() for server in servers]}
        return servers, found

    def _read(self, selection: Selection, options: Json) -> Found:
        strict = self.get_option("strict")

        def client_for(region: str) -> Client:
            return open_client({**options, "region": region}, os.environ, self._warn)

        found = Source(selection, client_for).read(strict)
        failure = found.failure(strict)
        if failure:
            raise AnsibleParserError(printable(failure.sentence)) from None
        for problem in found.problems:
            self._warn(
                f"{problem.sentence} No server there gets rolling_update_load_balancer_ids, so that none is updated "
                "while a load balancer that could not be read sends it requests."
            )
        for problem in found.without_address:
            self._warn(f"{problem.sentence} Set ansible_host for its servers yourself.")
        if not found.load_balancers:
            self._warn(f"No load balancer in {' and '.join(selection.regions)} meets the conditions.")
        return found

    def _warn(self, text: str) -> None:
        self.display.warning(printable(text))

    def _populate(self, servers: t.Sequence[Server], found: Found | None) -> None:
        variables = [
            _untrusted(_inventory.variables_of(server, found is None or found.is_complete(server.region)))
            for server in servers
        ]
        names = [self._host_name(server, known) for server, known in zip(servers, variables)]
        _inventory.check_names(list(zip(names, servers)))
        for name, server, known in zip(names, servers, variables):
            self._add_host(name, server, known)
        unknown = [name for name, server in zip(names, servers) if not server.address]
        if unknown:
            self._warn(f"No response has the address of {', '.join(unknown)}: set ansible_host yourself.")

    def _host_name(self, server: Server, variables: Json) -> str:
        expression = self.get_option("hostname")
        if not expression:
            return _inventory.host_name(server.default_name)
        try:
            return _inventory.host_name(_plain(self._compose(expression, variables)))
        except AnsibleError as exc:
            raise InvalidArgument(f"hostname cannot be computed for {server.label}: {printable(str(exc))}") from None

    def _add_host(self, name: str, server: Server, variables: Json) -> None:
        self.inventory.add_host(name)
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        for group in _inventory.groups_of(server):
            self._add_to_group(name, group)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), {}, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), {}, name, strict=strict)

    def _add_to_group(self, host: str, group: _inventory.Group) -> None:
        name = self.inventory.add_group(self._sanitize_group_name(group.name))
        if group.parent:
            parent = self.inventory.add_group(self._sanitize_group_name(group.parent))
            self.inventory.add_child(parent, name)
        self.inventory.add_child(name, host)


def _plain(value: t.Any) -> t.Any:
    """Without Ansible's own types: vaulted text is decrypted and tags are dropped."""
    if isinstance(value, t.Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _untrusted(value: t.Any) -> t.Any:
    """Text of the API that ansible-core before 2.19 could take for a template is marked; later ones trust none of it.

    Other text is left as it is: with the mark, ansible-inventory shows a dictionary.
    """
    if isinstance(value, dict):
        return {key: _untrusted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_untrusted(each) for each in value]
    return wrap_var(value) if isinstance(value, str) and not _PLAIN.fullmatch(value) else value


def _fingerprint(options: Json) -> str:
    """Tells apart what different options find, so that a changed file does not find what another one has cached."""
    names = ("region", *_OWN_OPTIONS, *_ACCOUNT_OPTIONS)
    text = json.dumps([options.get(name) for name in names], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
