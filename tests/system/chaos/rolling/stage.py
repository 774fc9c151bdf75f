# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A schedule as a folder to run ansible-playbook in: inventory, variables, play, update."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .schedule import GROUP, Document, Schedule

ROLE = "aliyun_community.slb.rolling_update"
ROLL_PLAYBOOK = "aliyun_community.slb.rolling_update"
RECOVER_PLAYBOOK = "aliyun_community.slb.recover"
REGION = "cn-hangzhou"
HANDLER = "Restart the service"
HANDLER_FURTHER_DOWN = "Reload the configuration"  # it notifies the other, which is listed before it
# What stands for a sudo that refuses, on the controller as on the hosts.
REFUSED_BECOME = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/bin/false"}

FOLDER = "lookup('ansible.builtin.env', 'ROLLING_FOLDER')"
MARKS = "lookup('ansible.builtin.env', 'ROLLING_MARKS')"
# As long as the file is there, the update of the host goes wrong.
TROUBLE = f"({FOLDER} ~ '/trouble-' ~ inventory_hostname) is ansible.builtin.exists"


def trouble_file(folder: Path, host: str) -> Path:
    return folder / f"trouble-{host}"


def lost_file(folder: Path, host: str) -> Path:
    """As long as it is there, the host is unreachable."""
    return folder / f"lost-{host}"


def write(schedule: Schedule, folder: Path) -> None:
    """Write all files that the commands need."""
    write_yaml(folder / "inventory.yml", inventory(schedule))
    group_vars = variables_at(schedule, "group_vars")
    if group_vars:
        write_yaml(folder / "group_vars" / f"{GROUP}.yml", group_vars)
    if schedule.become == "group_vars":
        write_yaml(folder / "group_vars" / "all.yml", REFUSED_BECOME)
    plays = 1 if schedule.form in ("twice", "loop") else schedule.plays
    write_yaml(folder / "roll.yml", [play(schedule, number) for number in range(plays)])
    write_yaml(folder / "update.yml", update_tasks(schedule))
    write_yaml(folder / "ends.yml", [{"name": "End it here", "ansible.builtin.meta": "end_host"}])
    write_yaml(folder / "health.yml", [mark("health")])
    if schedule.update["kind"] == "own_include":
        write_yaml(folder / schedule.update["file"], [mark("own")])
    for host in schedule.update["hosts"]:
        trouble_file(folder, host).touch()
    for entry in schedule.hosts:
        if entry["lost"]:
            lost_file(folder, entry["name"]).touch()


def write_yaml(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=200), encoding="utf-8")


def inventory(schedule: Schedule) -> Document:
    can_be_lost = schedule.update["kind"] == "unreachable" or any(host["lost"] for host in schedule.hosts)
    common: Document = {
        "ansible_connection": "losable" if can_be_lost else "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        **variables_at(schedule, "group"),
    }
    if can_be_lost:
        common["losable_lost_file"] = f"{{{{ {FOLDER} ~ '/lost-' ~ inventory_hostname }}}}"
    if schedule.region_in == "group":
        common["rolling_update_region"] = REGION
    if schedule.balancers_in == "group":
        common["rolling_update_load_balancer_ids"] = schedule.hosts[0]["load_balancers"][0]
    if schedule.balancers_in == "zone" and schedule.form == "playbook":
        common["rolling_update_load_balancer_ids"] = "{{ zone_balancers }}"
    zones: dict[str, Document] = {}
    for host in schedule.hosts:
        zone = zones.setdefault(host["zone"], {"hosts": {}})
        zone["hosts"][host["name"]] = host_variables(schedule, host)
        if schedule.balancers_in == "zone":
            zone["vars"] = {"zone_balancers": host["load_balancers"][0]}
    groups: Document = {GROUP: {"children": zones, "vars": common}}
    if schedule.local_hosts:
        groups["tools"] = {
            "hosts": {
                name: {"ansible_connection": connection} if connection else {}
                for name, connection in schedule.local_hosts.items()
            }
        }
    return groups


def host_variables(schedule: Schedule, host: Document) -> Document:
    found: Document = {"rolling_update_server_id": host["server_id"], "applies": host["applies"]}
    if host["server_ip"]:
        found["rolling_update_server_ip"] = host["server_ip"]
    if schedule.balancers_in == "host":
        found["rolling_update_load_balancer_ids"] = host["load_balancers"][0]
    return {**found, **variables_at(schedule, "host")}


def variables_at(schedule: Schedule, place: str) -> Document:
    """The role's variables that are set in a place."""
    return {
        f"rolling_update_{name}": located(name, value)
        for name, value in schedule.options.items()
        if schedule.places.get(name, "play") == place
    }


def located(name: str, value: Any) -> Any:
    """A folder as an absolute path, where the command knows it only when it runs."""
    return f"{{{{ {FOLDER} }}}}/{value}" if name in ("record_dir", "health_tasks_file") else value


# --- the play -----------------------------------------------------------------------------


def play(schedule: Schedule, number: int) -> Document:
    variables: Document = {
        "play_number": number,
        "rolling_update_tasks_file": "update.yml",
        **variables_at(schedule, "play"),
        **schedule.own_variables,
    }
    if schedule.balancers_in == "play" and schedule.form not in ("twice", "loop"):
        variables["rolling_update_load_balancer_ids"] = schedule.hosts[0]["load_balancers"][number]
    if schedule.balancers_in == "zone":
        variables["rolling_update_load_balancer_ids"] = "{{ zone_balancers }}"
    if schedule.become == "play_vars":
        variables.update(REFUSED_BECOME)
    document: Document = {"name": f"Roll {number + 1}", "hosts": GROUP, "gather_facts": False, **schedule.keywords}
    if schedule.become == "keyword":
        document.update(become=True, become_user="nobody")
        variables["ansible_become_exe"] = "/bin/false"
    if schedule.check == "keyword":
        document["check_mode"] = True
    if schedule.region_in == "defaults":
        document["module_defaults"] = {"group/aliyun_community.slb.slb": {"region": "{{ my_region }}"}}
        variables["my_region"] = REGION
    return {**document, "vars": variables, **content(schedule), "handlers": handlers(schedule)}


def content(schedule: Schedule) -> Document:
    """How the play comes to the role."""
    is_for_all = all(host["applies"] for host in schedule.hosts) and schedule.update["kind"] != "condition"
    when = {} if is_for_all else {"when": "applies"}
    by_play = schedule.hosts[0]["load_balancers"]
    if schedule.form == "twice":
        given = [{"rolling_update_load_balancer_ids": mine, "play_number": n} for n, mine in enumerate(by_play)]
        return {"roles": [{"role": ROLE, "vars": variables, **when} for variables in given]}
    if schedule.form == "loop":
        loop = {"loop": by_play, "loop_control": {"loop_var": "mine", "index_var": "play_number"}}
        mine = {"vars": {"rolling_update_load_balancer_ids": "{{ mine }}"}}
        return {"tasks": [{"name": "Roll", "ansible.builtin.include_role": {"name": ROLE}, **mine, **loop, **when}]}
    if schedule.form in ("roles", "playbook"):
        return {"roles": [{"role": ROLE, **when}]}
    if schedule.form == "entry_points":
        return {"tasks": entry_points(schedule, when)}
    task: Document = {"name": "Roll", f"ansible.builtin.{schedule.form}": {"name": ROLE}, **when}
    if schedule.rescue:
        say = {"name": "Go on as if nothing had happened", "ansible.builtin.debug": {"msg": "Never mind."}}
        task = {"name": "Roll, whatever becomes of it", "block": [task], "rescue": [say]}
    return {"tasks": [task]}


def entry_points(schedule: Schedule, when: Document) -> list[Document]:
    def include(entry_point: str) -> Document:
        return {
            "name": f"The role's part: {entry_point}",
            "ansible.builtin.include_role": {"name": ROLE, "tasks_from": entry_point},
            **when,
        }

    update = {"name": "The update", "block": update_tasks(schedule), **when}
    flush = {"name": "Run handlers", "ansible.builtin.meta": "flush_handlers"}
    return [include("drain"), update, *([flush] if schedule.update.get("flushes") else []), include("restore")]


def handlers(schedule: Schedule) -> list[Document]:
    pass_on = {"name": HANDLER_FURTHER_DOWN, "ansible.builtin.debug": {}, "changed_when": True, "notify": HANDLER}
    found = [{**mark("handler"), "listen": HANDLER}, pass_on]
    if schedule.update["kind"] == "handler_fail":
        found.append({**failing("The service does not restart."), "listen": HANDLER})
    return found


# --- the update ---------------------------------------------------------------------------


def mark(step: str) -> Document:
    """A task that tells the runner that the host's update is at work. It needs no connection."""
    url = f"{MARKS} ~ '/' ~ play_number | default(0) ~ '/' ~ inventory_hostname | urlencode ~ '/{step}'"
    return {
        "name": f"Mark: {step}",
        "ansible.builtin.debug": {"msg": f"{{{{ lookup('ansible.builtin.url', {url}) }}}}"},
    }


def failing(message: str) -> Document:
    return {"name": "Go wrong", "ansible.builtin.fail": {"msg": message}, "when": TROUBLE}


def update_tasks(schedule: Schedule) -> list[Document]:
    return list(steps(schedule))


def steps(schedule: Schedule) -> Iterator[Document]:
    kind = schedule.update["kind"]
    begin = mark("begin")
    notified = {"a handler": HANDLER, "a handler further down": HANDLER_FURTHER_DOWN}
    if schedule.update.get("notifies"):
        begin.update(changed_when=True, notify=notified[schedule.update["notifies"]])
    yield begin
    if kind == "fail":
        yield failing("The new version does not start.")
    if kind == "module":
        yield {"name": "Run a program", "ansible.builtin.command": "/bin/true", "changed_when": False}
    if kind == "unreachable":
        yield {"name": "Run a module", "ansible.builtin.ping": {}, "when": TROUBLE}
    if kind == "end_static":
        yield {"name": "Nothing more to do here", "ansible.builtin.meta": "end_host", "when": TROUBLE}
    if kind in ("end_dynamic", "missing_include"):
        part = "ends" if kind == "end_dynamic" else "missing"
        yield {
            "name": "Another part",
            "ansible.builtin.include_tasks": "{{ part }}.yml",
            "vars": {"part": part},
            "when": TROUBLE,
        }
    if kind == "own_include":
        yield {"name": "A file of the user's", f"ansible.builtin.{schedule.update['how']}": schedule.update["file"]}
    if kind == "condition":
        yield {"name": "The host is up to date now", "ansible.builtin.set_fact": {"applies": False}}
    if kind == "missing_hidden":
        yield {"name": "Choose a part", "ansible.builtin.set_fact": {"chosen_part": "missing"}}
        yield {"name": "Another part", "ansible.builtin.include_tasks": "{{ chosen_part }}.yml", "when": TROUBLE}
    if kind == "rescued":
        failure = {"name": "Go wrong", "ansible.builtin.fail": {"msg": "This is caught."}}
        yield {"name": "Try", "block": [failure], "rescue": [mark("rescue")]}
    yield mark("end")


# --- the commands -------------------------------------------------------------------------


def roll_command(schedule: Schedule, folder: Path, limit: list[str]) -> list[str]:
    """The arguments of ansible-playbook for the rolling update, over all hosts if there is no limit."""
    extra = variables_at(schedule, "extra")
    if schedule.balancers_in == "extra":
        extra["rolling_update_load_balancer_ids"] = schedule.hosts[0]["load_balancers"][0]
    if schedule.form == "playbook":
        serial = schedule.keywords.get("serial", "100%")
        extra.update(slb_hosts=GROUP, slb_serial=serial, rolling_update_tasks_file="update.yml")
    command = [ROLL_PLAYBOOK if schedule.form == "playbook" else "roll.yml", "-i", "inventory.yml"]
    command += ["-f", str(schedule.forks)]
    if extra:
        command += ["-e", json.dumps(extra).replace(f"{{{{ {FOLDER} }}}}", str(folder))]
    for name, value in variables_at(schedule, "text").items():
        text = str(value[0]) if isinstance(value, list) else str(value).replace(f"{{{{ {FOLDER} }}}}", str(folder))
        command += ["-e", f"{name}='{text}'"]
    if limit:
        command += ["--limit", ",".join(limit)]
    if schedule.check == "option":
        command.append("--check")
    return command


def recover_command(schedule: Schedule, folder: Path) -> list[str]:
    """The arguments for a recovery of everything, where no run has printed a command."""
    record_dir = schedule.options.get("record_dir")
    place = ["-e", json.dumps({"rolling_update_record_dir": str(folder / record_dir)})] if record_dir else []
    return [RECOVER_PLAYBOOK, *place]
