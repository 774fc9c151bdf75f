# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin, as Ansible loads it, with the real SDK and an emulator."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import ansible.parsing.vault
import ansible.template
import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.loader import inventory_loader
from ansible.template import Templar
from ansible.utils.display import Display

Json = dict[str, t.Any]

# Text as from a file of the user's: since ansible-core 2.19 no other is a template.
trusted: t.Callable[[str], str] = getattr(ansible.template, "trust_as_template", str)

NAME = "aliyun_community.slb.slb"
SECRET = "rehearsal-secret+/="
EVIL = "web {{ 6 * 7 }}"
VaultSecretsContext: t.Any = getattr(ansible.parsing.vault, "VaultSecretsContext", None)  # since ansible-core 2.19
VAULT: t.Any = [("default", VaultSecret(b"geheim"))]
STATE: Json = {
    "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": SECRET}],
    "load_balancers": [
        {
            "load_balancer_id": "lb-web",
            "load_balancer_name": EVIL,
            "region_id": "cn-hangzhou",
            "resource_group_id": "rg-shop",
            "tags": {"team": "shop"},
            "backend_servers": [
                {"server_id": "i-web1", "weight": 100, "server_ip": "10.0.0.1", "description": "one"},
                {"server_id": "i-web2", "weight": 0, "server_ip": "10.0.0.2"},
                {"server_id": "eni-web3", "weight": 10, "type": "eni", "server_ip": "10.0.0.3"},
            ],
            "vserver_groups": [
                {
                    "vserver_group_id": "rsp-app",
                    "vserver_group_name": "app",
                    "backend_servers": [{"server_id": "i-web1", "port": 8080, "weight": 50}],
                }
            ],
            "listeners": [{"listener_port": 80, "listener_protocol": "http", "backend_server_port": 80}],
        },
        {
            "load_balancer_id": "lb-other",
            "load_balancer_name": "other",
            "region_id": "cn-hangzhou",
            "backend_servers": [{"server_id": "i-web1", "weight": 60}, {"server_id": "i-other", "weight": 60}],
        },
        {
            "load_balancer_id": "lb-north",
            "load_balancer_name": "north",
            "region_id": "cn-beijing",
            "tags": {"team": "shop"},
            "backend_servers": [{"server_id": "i-north", "weight": 100, "server_ip": "10.1.0.1"}],
        },
    ],
}
READS = ["DescribeLoadBalancerAttribute", "DescribeVServerGroups", "DescribeVServerGroupAttribute"]
WEB = {"i-web1", "i-web2", "eni-web3_10.0.0.3"}


class Ground:
    """A folder for inventory files, and an emulator that the environment leads to."""

    def __init__(self, folder: Path, slb: t.Any, warnings: list[str]) -> None:
        self.folder = folder
        self.slb = slb
        self.warnings = warnings
        self.loader = DataLoader()

    def parse(self, refresh: bool = False, **options: t.Any) -> InventoryData:
        """What the plugin makes of a file with these options, and the region if they name none."""
        region = {} if "regions" in options else {"region": "cn-hangzhou"}
        return self.parse_text(json.dumps({"plugin": NAME, **region, **options}), refresh)

    def parse_text(self, text: str, refresh: bool = False) -> InventoryData:
        path = self.folder / "x.slb.yml"
        path.write_text(text, encoding="utf-8")
        inventory = InventoryData()
        plugin = inventory_loader.get(NAME)
        assert plugin.verify_file(str(path))
        plugin.parse(inventory, self.loader, str(path), cache=not refresh)
        if plugin.get_option("cache"):
            plugin.update_cache_if_changed()
        inventory.reconcile_inventory()
        return inventory

    def refuses(self, words: str, **options: t.Any) -> str:
        """It fails with one sentence that has these words, and tells no secret."""
        with pytest.raises(AnsibleParserError, match=words) as caught:
            self.parse(**options)
        message = str(caught.value)
        assert "\n" not in message
        assert SECRET not in message
        return message

    def actions(self) -> list[str]:
        return [request.action for request in self.slb.requests]


@pytest.fixture
def ground(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean_environment: None,
    no_settings_in_the_environment: None,
    collection_finder: None,
) -> t.Iterator[Ground]:
    from slb_emulator import running

    warnings: list[str] = []
    # Ansible itself shows the same warning once in a process.
    monkeypatch.setattr(Display, "warning", lambda _self, text, **_options: warnings.append(text))
    with running(STATE) as slb:
        for name, value in (("ACCESS_KEY", "rehearsal"), ("SECRET_KEY", SECRET), ("SLB_ENDPOINT", slb.url)):
            monkeypatch.setenv(f"ALICLOUD_{name}", value)
        yield Ground(tmp_path, slb, warnings)


def variables(inventory: InventoryData, host: str) -> Json:
    found: t.Any = inventory.hosts[host]
    return dict(found.get_vars())


def members_of(inventory: InventoryData, group: str) -> set[str]:
    found: t.Any = inventory.groups[group]
    return {host.name for host in found.get_hosts()}


def places(inventory: InventoryData, host: str) -> list[t.Any]:
    memberships = variables(inventory, host)["slb_memberships"]
    return [(row["load_balancer_id"], row["vserver_group_name"], row["port"], row["weight"]) for row in memberships]


# --- hosts, variables, groups ---


def test_hosts_of_a_load_balancer(ground: Ground) -> None:
    inventory = ground.parse(load_balancer_ids=["lb-web"])
    assert set(inventory.hosts) == WEB
    assert ground.actions() == READS  # nothing is searched, and the addresses are known
    assert places(inventory, "i-web1") == [("lb-web", None, None, 100), ("lb-web", "app", 8080, 50)]
    own = variables(inventory, "eni-web3_10.0.0.3")
    assert {name: value for name, value in own.items() if name.startswith(("ansible_", "rolling_"))} == {
        "ansible_host": "10.0.0.3",
        "rolling_update_load_balancer_ids": ["lb-web"],
        "rolling_update_region": "cn-hangzhou",
        "rolling_update_server_id": "eni-web3",
        "rolling_update_server_ip": "10.0.0.3",
    }
    assert not ground.warnings


def test_groups(ground: Ground) -> None:
    inventory = ground.parse(load_balancer_ids=["lb-web"])
    expected = {
        "slb_servers": WEB,
        "slb_drained": {"i-web2"},
        "slb_lb_web": WEB,
        "slb_lb_web_default": WEB,
        "slb_rsp_app": {"i-web1"},
        "slb_group_app": {"i-web1"},
        "slb_name_web____6___7___": WEB,
    }
    assert {name: members_of(inventory, name) for name in inventory.groups if name.startswith("slb_")} == expected
    parents: t.Any = inventory.groups["slb_lb_web"]
    assert {child.name for child in parents.child_groups} == {"slb_lb_web_default", "slb_rsp_app"}


def test_addresses_from_health_checks(ground: Ground) -> None:
    row = {"ServerId": "i-other", "ServerIp": "10.0.0.9", "ServerHealthStatus": "normal"}
    stale = {**row, "ServerIp": "10.9.9.9"}
    body = json.dumps({"RequestId": "r", "BackendServers": {"BackendServer": [row, stale]}})
    ground.slb.add_fault({"action": "DescribeHealthStatus", "kind": "raw", "body": body})
    inventory = ground.parse(load_balancer_ids=["lb-other"])
    assert variables(inventory, "i-other")["ansible_host"] == "10.0.0.9"
    assert "ansible_host" not in variables(inventory, "i-web1")
    assert ground.warnings == ["No response has the address of i-web1: set ansible_host yourself."]


def test_no_permission_for_addresses(ground: Ground) -> None:
    ground.slb.add_fault({"action": "DescribeHealthStatus", "kind": "error", "code": "Forbidden.RAM"})
    inventory = ground.parse(load_balancer_ids=["lb-other"])
    assert variables(inventory, "i-other")["rolling_update_load_balancer_ids"] == ["lb-other"]
    assert ground.warnings[0].startswith("Reading lb-other of cn-hangzhou: Forbidden.RAM: ")


def test_text_of_the_api_is_no_template(ground: Ground) -> None:
    inventory = ground.parse(
        load_balancer_ids=["lb-web"],
        compose={"copied": "slb_memberships[0].load_balancer_name"},
        hostname="slb_memberships[0].load_balancer_name ~ rolling_update_server_id",
    )
    host = "web____6___7___i-web1"
    templar = Templar(loader=ground.loader, variables=variables(inventory, host))
    for expression in ("copied", "slb_memberships[0].load_balancer_name"):
        assert templar.template(trusted(f"{{{{ {expression} }}}}")) == EVIL


# --- which load balancers ---


@pytest.mark.parametrize(
    ("options", "hosts", "searches"),
    [
        ({}, {*WEB, "i-other"}, 1),
        ({"load_balancer_names": ["other"]}, {"i-web1", "i-other"}, 1),
        ({"tags": {"team": "shop"}}, WEB, 1),
        ({"resource_group_id": "rg-shop"}, WEB, 1),
        ({"regions": ["cn-hangzhou", "cn-beijing"], "tags": {"team": "shop"}}, {*WEB, "i-north"}, 2),
        ({"regions": ["cn-hangzhou", "cn-beijing"], "load_balancer_ids": ["lb-north"]}, {"i-north"}, 2),
        ({"load_balancer_ids": ["lb-web", "lb-other"], "tags": {"team": "shop"}, "strict": False}, WEB, 1),
    ],
)
def test_selection(ground: Ground, options: Json, hosts: set[str], searches: int) -> None:
    assert set(ground.parse(**options).hosts) == hosts
    assert ground.actions().count("DescribeLoadBalancers") == searches


def test_a_server_in_two_load_balancers(ground: Ground) -> None:
    inventory = ground.parse()
    assert variables(inventory, "i-web1")["rolling_update_load_balancer_ids"] == ["lb-web", "lb-other"]


def test_regions_in_variables(ground: Ground) -> None:
    inventory = ground.parse(regions=["cn-hangzhou", "cn-beijing"])
    found = {host: variables(inventory, host)["rolling_update_region"] for host in ("i-web1", "i-north")}
    assert found == {"i-web1": "cn-hangzhou", "i-north": "cn-beijing"}


def test_pages(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"region_id": "cn-shanghai", "backend_servers": [{"server_id": "i-1", "server_ip": "10.0.0.1"}]}
    balancers = [{**one, "load_balancer_id": f"lb-{number}"} for number in range(101)]
    from slb_emulator import running

    with running({**STATE, "load_balancers": balancers}) as slb:
        monkeypatch.setenv("ALICLOUD_SLB_ENDPOINT", slb.url)
        inventory = ground.parse(region="cn-shanghai")
    assert len(variables(inventory, "i-1")["rolling_update_load_balancer_ids"]) == 101


def test_throttling(ground: Ground, no_waiting: t.Any) -> None:
    for action in (*READS, "DescribeLoadBalancers"):
        ground.slb.add_fault({"action": action, "kind": "error", "code": "Throttling.User", "times": 2})
    assert set(ground.parse(tags={"team": "shop"}).hosts) == WEB


def test_nothing_found(ground: Ground) -> None:
    assert not ground.parse(tags={"team": "sales"}).hosts
    assert ground.warnings == ["No load balancer in cn-hangzhou meets the conditions."]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"load_balancer_ids": ["lb-gone"]}, "Reading lb-gone of cn-hangzhou: InvalidLoadBalancerId.NotFound"),
        ({"load_balancer_names": ["gone", "other"]}, "load_balancer_names has gone, and no such load balancer was"),
        (
            {"load_balancer_ids": ["lb-web", "lb-gone"], "regions": ["cn-hangzhou", "cn-beijing"]},
            "load_balancer_ids has lb-gone, .* found in cn-hangzhou and cn-beijing",
        ),
    ],
)
def test_what_is_named_must_exist(ground: Ground, options: Json, words: str) -> None:
    ground.refuses(words, **options)


# --- a load balancer that cannot be read ---

UNREADABLE = {"action": "DescribeVServerGroupAttribute", "kind": "error", "code": "Forbidden.RAM"}


def test_strict_is_the_default(ground: Ground) -> None:
    ground.slb.add_fault(UNREADABLE)
    ground.refuses("^Reading lb-web of cn-hangzhou: Forbidden.RAM: .* Allow the action")
    assert ground.actions().count("DescribeLoadBalancerAttribute") == 1


def test_not_strict(ground: Ground) -> None:
    ground.slb.add_fault(UNREADABLE)
    inventory = ground.parse(strict=False, regions=["cn-hangzhou", "cn-beijing"])
    assert set(inventory.hosts) == {"i-web1", "i-other", "i-north"}
    # lb-web may send requests to i-web1.
    assert "rolling_update_load_balancer_ids" not in variables(inventory, "i-web1")
    assert variables(inventory, "i-north")["rolling_update_load_balancer_ids"] == ["lb-north"]
    (warning,) = [text for text in ground.warnings if "lb-web" in text]
    assert "No server there gets rolling_update_load_balancer_ids" in warning


def test_not_strict_with_a_region_that_cannot_be_read(ground: Ground) -> None:
    ground.slb.add_fault({"action": "DescribeLoadBalancers", "kind": "error", "code": "Forbidden.RAM"})
    inventory = ground.parse(strict=False, regions=["cn-hangzhou", "cn-beijing"], load_balancer_names=["north"])
    assert variables(inventory, "i-north")["rolling_update_load_balancer_ids"] == ["lb-north"]
    assert [text for text in ground.warnings if text.startswith("Reading load balancers of cn-hangzhou: Forbidden")]


def test_not_strict_with_a_name_that_is_gone(ground: Ground) -> None:
    inventory = ground.parse(strict=False, load_balancer_names=["gone", "other"])
    assert "rolling_update_load_balancer_ids" not in variables(inventory, "i-other")


def test_nothing_could_be_read(ground: Ground) -> None:
    ground.slb.add_fault({"action": None, "kind": "error", "code": "Forbidden.RAM", "times": 0})
    ground.refuses("Forbidden.RAM", strict=False)


# --- options ---


def test_constructed(ground: Ground) -> None:
    inventory = ground.parse(
        load_balancer_ids=["lb-web"],
        hostname="slb_memberships[0].description | default(rolling_update_server_id, true)",
        compose={"ansible_host": "'bastion'", "ports": "slb_memberships | map(attribute='port') | select | list"},
        groups={"with_app": "ports | length > 0"},
        keyed_groups=[{"key": "rolling_update_region", "prefix": "region"}],
    )
    assert set(inventory.hosts) == {"one", "i-web2", "eni-web3"}
    assert variables(inventory, "one")["ansible_host"] == "bastion"
    assert members_of(inventory, "with_app") == {"one"}
    assert members_of(inventory, "region_cn_hangzhou") == {"one", "i-web2", "eni-web3"}


def test_expressions_that_fail(ground: Ground) -> None:
    with pytest.raises(Exception, match="Could not set broken for host i-web1"):
        ground.parse(load_balancer_ids=["lb-web"], compose={"broken": "nothing.there"})
    inventory = ground.parse(load_balancer_ids=["lb-web"], compose={"broken": "nothing.there"}, strict=False)
    assert "broken" not in variables(inventory, "i-web1")


@pytest.mark.parametrize(
    ("hostname", "words"),
    [
        ("'web'", "i-web1 and i-web2 have the same host name web"),
        ("''", "hostname gives no name for i-web1"),
        ("nothing.there", "hostname cannot be computed for i-web1"),
    ],
)
def test_names_that_cannot_be(ground: Ground, hostname: str, words: str) -> None:
    ground.refuses(words, load_balancer_ids=["lb-web"], hostname=hostname, strict=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"region": ""}, "region is missing"),
        ({"region": "hangzhou"}, "region 'hangzhou' is not a valid region id"),
        ({"regions": ["cn-hangzhou", "x"]}, "region 'x' is not a valid region id"),
        ({"load_balancer_ids": ["web 1"]}, "load_balancer_id 'web 1' is not a valid load balancer id"),
        ({"load_balancer_names": ["a", " "]}, "load_balancer_names"),
        ({"tags": {str(number): "" for number in range(21)}}, "tags has 21 entries"),
        ({"wait_timeout": "soon"}, "wait_timeout"),
        ({"endpoint": "http://user:geheim@host"}, "endpoint is not a valid host"),
        ({"access_key": "rehearsal"}, "secret_key is missing"),
        ({"secret_key": SECRET}, "access_key is missing"),
        ({"assume_role": {"arn": "x"}}, "role_arn"),
        ({"assume_role": SECRET}, "assume_role does not have its documented type"),
        ({"secret_key": [SECRET]}, "secret_key does not have its documented type"),
        ({"profile": "{{ nothing_there }}"}, "profile cannot be computed"),
        ({"access_key": "rehearsal", "secret_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"access_key": "stranger", "secret_key": SECRET}, "InvalidAccessKeyId"),
    ],
)
def test_options_that_are_refused(ground: Ground, options: Json, words: str) -> None:
    ground.refuses(words, **options)


def test_options_come_before_the_environment(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICLOUD_REGION", "cn-beijing")
    assert set(ground.parse_text(f"plugin: {NAME}\n").hosts) == {"i-north"}
    assert set(ground.parse(load_balancer_ids=["lb-web"]).hosts) == WEB
    monkeypatch.setenv("ALICLOUD_SECRET_KEY", "another")
    assert set(ground.parse(load_balancer_ids=["lb-web"], access_key="rehearsal", secret_key=SECRET).hosts) == WEB


def test_templates_and_extra_variables(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_SECRET", SECRET)
    monkeypatch.setenv("ALICLOUD_SECRET_KEY", "another")
    secret = "{{ lookup('ansible.builtin.env', 'TEAM_SECRET') }}"
    inventory = ground.parse(tags={"team": "{{ 'shop' }}"}, access_key="{{ 'rehearsal' }}", secret_key=secret)
    assert set(inventory.hosts) == WEB


def test_vaulted_options(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICLOUD_SECRET_KEY", "another")
    ground.loader.set_vault_secrets(VAULT)
    if VaultSecretsContext is not None:
        monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(VAULT))
    lines = "".join(f"  {line}\n" for line in VaultLib(VAULT).encrypt(SECRET).decode().splitlines())
    options = f"plugin: {NAME}\nregion: cn-beijing\naccess_key: rehearsal\nsecret_key: !vault |\n{lines}"
    assert set(ground.parse_text(options).hosts) == {"i-north"}


@pytest.mark.parametrize(
    ("name", "verified"), [("x.slb.yml", True), ("x.slb.yaml", True), ("slb.txt", False), ("x.yml", False)]
)
def test_names_of_files(ground: Ground, name: str, verified: bool) -> None:
    (ground.folder / name).write_text("", encoding="utf-8")
    assert inventory_loader.get(NAME).verify_file(str(ground.folder / name)) is verified


def test_a_file_that_does_not_exist(ground: Ground) -> None:
    assert not inventory_loader.get(NAME).verify_file(str(ground.folder / "absent.slb.yml"))


# --- cache ---


@pytest.fixture
def cached(ground: Ground) -> Json:
    folder = str(ground.folder / "cache")
    return {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": folder}


def test_cache(ground: Ground, cached: Json) -> None:
    first = ground.parse(load_balancer_ids=["lb-web"], **cached)
    ground.slb.clear()
    again = ground.parse(load_balancer_ids=["lb-web"], **cached)
    assert not ground.actions()
    for host in WEB:
        assert variables(again, host) == variables(first, host)
    templar = Templar(loader=ground.loader, variables=variables(again, "i-web1"))
    assert templar.template(trusted("{{ slb_memberships[0].load_balancer_name }}")) == EVIL


def test_refreshed_cache(ground: Ground, cached: Json) -> None:
    ground.parse(load_balancer_ids=["lb-web"], **cached)
    ground.slb.set_weight("lb-web", "i-web1", 0)
    assert places(ground.parse(load_balancer_ids=["lb-web"], **cached), "i-web1")[0][3] == 100
    assert places(ground.parse(refresh=True, load_balancer_ids=["lb-web"], **cached), "i-web1")[0][3] == 0


def test_a_changed_file_is_read(ground: Ground, cached: Json) -> None:
    ground.parse(load_balancer_ids=["lb-web"], **cached)
    assert set(ground.parse(load_balancer_ids=["lb-other"], **cached).hosts) == {"i-web1", "i-other"}


def test_what_is_incomplete_is_not_kept(ground: Ground, cached: Json) -> None:
    ground.slb.add_fault(UNREADABLE)
    ground.parse(strict=False, **cached)
    assert set(ground.parse(strict=False, **cached).hosts) == {*WEB, "i-other"}


def test_a_cache_of_something_else_is_not_used(ground: Ground, cached: Json) -> None:
    ground.parse(load_balancer_ids=["lb-web"], **cached)
    (file,) = (ground.folder / "cache").iterdir()
    assert SECRET not in file.read_text(encoding="utf-8")
    file.write_text(json.dumps({"servers": [{"name": "of another version"}]}), encoding="utf-8")
    assert set(ground.parse(load_balancer_ids=["lb-web"], **cached).hosts) == WEB
