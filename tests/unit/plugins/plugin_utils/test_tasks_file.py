# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tasks files are refused before a server is drained, and that valid ones are not."""

from __future__ import annotations

import contextlib
import re
import typing as t
from pathlib import Path

import ansible.template
import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.loader import add_all_plugin_dirs, lookup_loader
from ansible.template import Templar
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

from ansible_collections.aliyun_community.slb.plugins.plugin_utils._tasks_file import TasksFileError, check_tasks_file

# ansible-core before 2.19 renders whatever is text.
trust_as_template: t.Any = getattr(ansible.template, "trust_as_template", None)

VAULTED = """!vault |
      $ANSIBLE_VAULT;1.1;AES256
      61366533653562353532653034336663396265633966356466353732653439353132643466393735
      3966326230383737633839653436643966656438666130310a376364316134663335336230396264
      31383737623432306333653164663734383330633462393563363231653964313866303131653164
      3962393737613737330a343932316430343738633565373037616364303830663233333133653765
      3362
"""

# What lies beside every tasks file of the tables.
SURROUNDINGS = {
    "role/tasks/main.yml": "- ansible.builtin.debug:\n",
    "role/tasks/restore.yml": "- ansible.builtin.debug:\n    msg: the role's own restore\n",
    "play/restore.yml": "- ansible.builtin.debug:\n    msg: the user's restore\n",
    "play/library/beside.py": "#!/usr/bin/python\n",
    "play/good.yml": "- debug:\n",
    "play/misspelt.yml": "- debug:\n  whn: true\n",
    "play/ending.yml": "- debug:\n- meta: end_host\n",
    "play/imports_good.yml": "- import_tasks: good.yml\n",
    "play/imports_Debian.yml": "- import_tasks: good.yml\n",
    "play/imports_loop.yml": "- import_tasks: '{{ item }}.yml'\n",
    "play/Debian.yml": "- debug:\n- meta: end_play\n",
    "play/sub/first.yml": "- include_tasks: second.yml\n",
    "play/sub/second.yml": "- debug:\n  whn: true\n",
    "play/sub/static.yml": "- import_tasks: second.yml\n",
    "play/needs_item.yml": "- debug:\n    msg: '{{ item }}'\n",
    "play/itself.yml": "- include_tasks: itself.yml\n  when: registered is changed\n",
    "play/without_end.yml": "- import_tasks: without_end.yml\n",
    "play/mixed.yml": "- import_tasks: mixed2.yml\n",
    "play/mixed2.yml": "- include_tasks: mixed.yml\n  when: registered is changed\n",
    "play/play.yml": "- hosts: all\n  tasks: []\n",
    "play/windows.yml": "- nowhere.windows.reboot:\n",
    "play/empty.yml": "---\n",
    "play/background.yml": "- command: x\n  async: 60\n  poll: 0\n",
    "play/waits.yml": "- async_status:\n    jid: '{{ job.ansible_job_id }}'\n  until: job is finished\n",
    "play/roles/app/tasks/main.yml": "- import_tasks: part.yml\n- meta: end_role\n- include_tasks: part.yml\n",
    "play/roles/app/tasks/part.yml": "- debug:\n  notify: restart\n",
    "play/roles/app/tasks/ends.yml": "- debug:\n- block:\n    - meta: end_batch\n",
    "play/roles/app/tasks/typo.yml": "- debug:\n  whn: true\n",
    "play/roles/app/tasks/deep.yml": "- include_tasks: typo.yml\n",
    "play/roles/app/handlers/main.yml": "- name: restart\n  debug:\n  listen: now\n",
    "play/roles/app/meta/main.yml": "dependencies: [base]\n",
    "play/roles/base/tasks/main.yml": "- from_role:\n",
    "play/roles/base/library/from_role.py": "#!/usr/bin/python\n",
    "play/roles/bad_handler/handlers/main.yml": "- name: stop\n  meta: end_host\n",
    "play/roles/bad_handler/tasks/main.yml": "- debug:\n",
    "play/roles/background_handler/handlers/main.yml": "- name: restart\n  command: x\n  async: 60\n  poll: 0\n  listen: now\n",
    "play/roles/background_handler/tasks/main.yml": "- debug:\n",
    "play/roles/bad_dependency/tasks/main.yml": "- debug:\n",
    "play/roles/bad_dependency/meta/main.yml": "dependencies: [nowhere]\n",
    "play/roles/restore/tasks/main.yml": "- debug:\n",
}

VALID = {
    "empty": "",
    "comment": "# nothing yet\n",
    "empty_document": "---\n",
    "empty_list": "[]\n",
    "no_tasks_between": "- debug:\n-\n- debug:\n",
    "short_name": "- debug:\n    msg: hello\n",
    "full_name": "- ansible.builtin.debug:\n    msg: hello\n",
    "legacy_name": "- ansible.legacy.debug:\n    msg: hello\n",
    "module_of_a_collection": "- aliyun_community.slb.slb_backend_info:\n    load_balancer_id: lb-a\n",
    "collections_keyword": "- slb_backend_info:\n  collections: [aliyun_community.slb]\n",
    "collections_of_a_block": "- collections: [aliyun_community.slb]\n  block:\n    - slb_backend_info:\n",
    "adjacent_library": "- beside:\n    any: option\n",
    "key_value": "- copy: src=a dest=b\n",
    "free_form": "- shell: echo {{ undefined }} | wc\n  args:\n    chdir: /tmp\n",
    "action": "- action: copy src=a dest=b\n",
    "action_mapping": "- action:\n    module: copy\n    src: a\n    dest: b\n",
    "local_action": "- local_action: command true\n",
    "action_template": "- action: '{{ package_module }} name=nginx'\n",
    "action_template_of_module": "- action: '{{ undefined }} name=nginx'\n",
    "args_template": "- copy:\n  args: '{{ options }}'\n",
    "vaulted": f"- set_fact:\n    token: {VAULTED}",
    "unsafe": "- debug:\n    msg: !unsafe 'as it is {{ braces'\n",
    "any_jinja": "- debug:\n    msg: \"{{ lookup('nowhere') | nowhere | default(1 +) }}\"\n",
    "conditions": "- debug:\n  when:\n    - undefined | bool\n    - false\n  failed_when: false\n  changed_when: x is y\n",
    "loops": "- debug:\n  loop: '{{ many }}'\n  loop_control: {loop_var: one, label: '{{ one }}'}\n",
    "with_loops": "- debug:\n  with_items: [1, 2]\n- debug:\n  with_fileglob: '*'\n- debug:\n  until: x\n  retries: 3\n",
    "delegation": "- debug:\n  delegate_to: localhost\n  run_once: true\n  become: true\n  vars: {a: '{{ b }}'}\n",
    "other_keywords": "- command: x\n  async: 60\n  environment: {A: b}\n  no_log: true\n  tags: [always]\n  register: r\n",
    "notify": "- debug:\n  notify: [restart, '{{ other }}']\n",
    "block": "- name: all\n  block:\n    - debug:\n  rescue:\n    - debug:\n  always:\n    - block:\n        - debug:\n",
    "meta": "- meta: flush_handlers\n- ansible.builtin.meta: reset_connection\n"
    "- meta: refresh_inventory\n- meta: noop\n- meta: clear_facts\n",
    "include": "- include_tasks: good.yml\n",
    "include_mapping": "- ansible.builtin.include_tasks:\n    file: good.yml\n    apply: {tags: [a], become: true}\n  tags: [a]\n",
    "include_empty": "- include_tasks: empty.yml\n- import_tasks: empty.yml\n",
    "include_constant": "- include_tasks: '{{ playbook_dir }}/good.yml'\n",
    "include_own_restore_absolute": "- include_tasks: '{{ playbook_dir }}/restore.yml'\n",
    "import_own_restore": "- import_tasks: restore.yml\n",
    "include_undefined": "- include_tasks: '{{ release }}.yml'\n",
    "include_of_a_loop": "- include_tasks: '{{ item }}.yml'\n  loop: '{{ undefined }}'\n",
    "include_literal_loop": "- include_tasks: '{{ item }}.yml'\n  loop: [good, empty]\n",
    "include_importing": "- include_tasks: imports_good.yml\n- include_tasks: '{{ playbook_dir }}/imports_good.yml'\n",
    "include_importing_by_vars": "- include_tasks: '{{ which }}.yml'\n  vars: {which: imports_good}\n",
    "include_importing_by_loop": "- include_tasks: '{{ item }}.yml'\n  loop: [imports_good]\n",
    "include_importing_loop_variable": "- include_tasks: imports_loop.yml\n  loop: [good]\n",
    "include_importing_unknown_loop_variable": "- include_tasks: imports_loop.yml\n  loop: '{{ undefined }}'\n"
    "- include_tasks: imports_loop.yml\n  with_fileglob: '*'\n- include_tasks: imports_loop.yml\n  loop: []\n",
    "include_first_found": "- include_tasks: '{{ item }}'\n  with_first_found: [none.yml, good.yml]\n",
    "include_lookup": "- include_tasks: \"{{ lookup('first_found', ['none.yml', 'good.yml']) }}\"\n",
    "include_needs_loop": "- include_tasks: needs_item.yml\n  loop: [1, 2]\n",
    "include_known_but_absent": "- include_tasks: 'absent_{{ ansible_facts.os_family }}.yml'\n",
    "include_absent_never": "- include_tasks: absent.yml\n  when: false\n",
    "include_absent_perhaps": "- include_tasks: absent.yml\n  when: registered is changed\n",
    "include_absent_by_block": "- block:\n    - include_tasks: absent.yml\n  when: \"'nothing' is file\"\n",
    "include_for_another_system": "- include_tasks: windows.yml\n  when: ansible_facts.os_family == 'Windows'\n",
    "include_itself": "- include_tasks: itself.yml\n- include_tasks: update.yml\n  when: false\n- include_tasks: mixed.yml\n",
    "import": "- import_tasks: good.yml\n  vars: {a: 1}\n  when: undefined\n  tags: [a]\n",
    "import_with_vars": "- import_tasks: '{{ which }}.yml'\n  vars: {which: good}\n",
    "include_with_vars": "- include_tasks: '{{ which }}.yml'\n  vars: {which: good}\n",
    "roles": "- include_role:\n    name: app\n- import_role:\n    name: app\n",
    "role_options": "- include_role:\n    name: app\n    tasks_from: part\n    public: true\n    apply: {become: true}\n"
    "  loop: [1, 2]\n",
    "role_undefined": "- include_role:\n    name: '{{ undefined }}'\n- include_role:\n    name: app\n    tasks_from: '{{ undefined }}'\n",
    "role_absent_perhaps": "- include_role:\n    name: nowhere\n  when: registered is changed\n",
    "role_file_known_but_absent": "- include_role:\n    name: app\n    tasks_from: '{{ ansible_facts.os_family }}'\n",
    "role_named_like_a_file": "- include_role:\n    name: restore\n",
    "background_waited_for": "- command: x\n  async: 60\n  poll: 0\n- ansible.builtin.async_status:\n    jid: x\n",
    "background_of_the_machine": "- shell: sleep 2; reboot\n  async: 1\n  poll: 0\n- wait_for_connection:\n    delay: 5\n",
    "background_until": "- command: x\n  async: 60\n  poll: 0\n- uri: url=http://x\n  until: r is success\n  register: r\n",
    "background_waited_for_in_a_block": "- block:\n    - include_tasks: background.yml\n  always:\n    - include_tasks: waits.yml\n",
    "background_waited_for_twice": "- include_tasks: waits.yml\n- include_tasks: background.yml\n- include_tasks: waits.yml\n",
    "background_and_unknown_include": "- import_tasks: background.yml\n- include_tasks: '{{ undefined }}.yml'\n",
    "background_and_later_include": "- import_tasks: background.yml\n- include_tasks: 'absent_{{ ansible_facts.os_family }}.yml'\n",
    "background_and_unknown_role": "- import_tasks: background.yml\n- include_role:\n    name: '{{ undefined }}'\n",
    "background_elsewhere": "- uri: url=http://chat\n  async: 9\n  poll: 0\n  delegate_to: localhost\n"
    "- local_action: command x\n  async: 9\n  poll: 0\n",
    "background_never": "- command: x\n  async: 60\n  poll: 0\n  when: false\n",
    "background_polled": "- command: x\n  async: '{{ undefined }}'\n  poll: 5\n- command: x\n  poll: 0\n",
    "background_handler_not_notified": "- include_role:\n    name: background_handler\n",
    "duplicate_keys": "- debug:\n    msg: 1\n  debug:\n    msg: 2\n",
}

INVALID = {
    "mapping": ("debug:\n  msg: x\n", "update.yml:?1?: the file does not hold a list of tasks; begin"),
    "text": ("just text\n", "update.yml:?1?: the file does not hold a list of tasks"),
    "text_in_list": ("- debug:\n- just text\n", "update.yml:2: 'just text' is not a task; write"),
    "list_in_list": ("- debug:\n- [debug]\n", "update.yml:2: .* is not a task; write"),
    "yaml": ("- debug:\n    msg: 'open\n", r"update.yml:\d: it is not valid YAML \(.*\); correct"),
    "yaml_colon": ("- debug:\n    msg: a: b\n", r"update.yml:2: it is not valid YAML \(.*\); correct"),
    "yaml_documents": ("- debug:\n---\n- debug:\n", r"update.yml:2: it is not valid YAML \(.*\); correct"),
    "play": ("- name: x\n  hosts: web\n  tasks:\n    - debug:\n", "update.yml:1: a file of tasks cannot hold a play; keep"),
    "play_with_module": ("- hosts: web\n  debug:\n", "update.yml:1: a file of tasks cannot hold a play; keep"),
    "play_with_roles": ("- debug:\n- hosts: web\n  roles: [app]\n", "update.yml:2: a file of tasks cannot hold a play; keep"),
    "import_playbook": ("- import_playbook: site.yml\n", "update.yml:1: a file of tasks cannot import a playbook; import"),
    "import_playbook_full": ("- ansible.builtin.import_playbook: site.yml\n", "update.yml:1: .* cannot import a playbook"),
    "keyword": ("- debug:\n\n- debug:\n  whn: true\n", "update.yml:3: 'whn' is neither a keyword of a task nor a module; correct"),
    "keyword_of_block": ("- block:\n    - debug:\n  register: x\n", r"update.yml:\d: 'register' is not a keyword"),
    "keyword_of_include": ("- include_tasks: good.yml\n  become: true\n", "update.yml:1: an include cannot have the keyword 'become'"),
    "keyword_of_loop": ("- debug:\n  loop: [1]\n  loop_control: {lop_var: x}\n", r"update.yml:\d: 'lop_var' is not a keyword"),
    "no_module": ("- name: nothing\n", "update.yml:1: the task has no module; add"),
    "unknown_module": ("- debgu:\n    msg: x\n", "update.yml:1: there is no module or action debgu; correct"),
    "unknown_full_name": ("- community.nowhere.thing:\n", "update.yml:1: there is no module or action community.nowhere.thing"),
    "unknown_action": ("- action: debgu msg=x\n", "update.yml:1: there is no module or action debgu; correct"),
    "unknown_local_action": ("- local_action: debgu msg=x\n", "update.yml:1: there is no module or action debgu; correct"),
    "two_modules": ("- debug:\n  command: x\n", r"update.yml:1: one task has several modules \(debug, command\); make"),
    "rescue_alone": ("- rescue:\n    - debug:\n", r"update.yml:1: Ansible cannot load it \('rescue'.*\); correct"),
    "block_of_text": ("- block: text\n", r"update.yml:1: Ansible cannot load it \(.*\); correct"),
    "number_as_keyword": ("- debug:\n  1: x\n", "update.yml:1: a keyword of a task must be text; correct"),
    "end_host": ("- debug:\n- meta: end_host\n", "update.yml:2: meta: end_host would end .*; skip the rest"),
    "end_play": ("- ansible.builtin.meta: end_play\n  when: false\n", "update.yml:1: meta: end_play would end"),
    "clear_host_errors": (
        "- block:\n    - meta: clear_host_errors\n",
        "update.yml:2: meta: clear_host_errors would put hosts back into traffic whose update has failed; use ignore_errors",
    ),
    "end_batch": ("- ansible.legacy.meta: end_batch\n", "update.yml:1: meta: end_batch would end"),
    "end_role": ("- meta: end_role\n", "update.yml:1: meta: end_role would end"),
    "end_by_action": ("- action: meta end_host\n", "update.yml:1: meta: end_host would end"),
    "end_by_action_mapping": ("- action: {module: meta, _raw_params: end_host}\n", "update.yml:1: meta: end_host would end"),
    "end_by_local_action": ("- local_action: meta end_host\n", "update.yml:1: meta: end_host would end"),
    "end_by_args": ("- meta:\n  args: {_raw_params: end_host}\n", "update.yml:1: meta: end_host would end"),
    "end_by_template": ("- action: \"{{ 'me' ~ 'ta' }} end_host\"\n", "update.yml:1: (meta: end_host would end|.*extra params)"),
    "end_in_block": ("- block:\n    - debug:\n    - meta: end_host\n", "update.yml:3: meta: end_host would end"),
    "end_in_rescue": ("- block:\n    - debug:\n  rescue:\n    - meta: end_host\n", "update.yml:4: meta: end_host would end"),
    "end_in_always": (
        "- block:\n    - debug:\n  always:\n    - block:\n        - meta: end_host\n",
        "update.yml:5: meta: end_host would end",
    ),
    "unknown_meta": ("- meta: clear_errors\n", "update.yml:1: 'clear_errors' is not an action of ansible.builtin.meta"),
    "meta_template": ("- meta: '{{ x }}'\n", "update.yml:1: .* is not an action of ansible.builtin.meta; correct"),
    "background": (
        "- debug:\n- command: x\n  async: 60\n  poll: 0\n- debug:\n",
        r"update.yml:2: the task goes on in the background \(poll: 0\), and no later one waits for it; wait",
    ),
    "background_after_a_wait": ("- wait_for: port=80\n- command: x\n  async: 60\n  poll: '0'\n", "update.yml:2: the task goes on"),
    "background_by_variables": (
        "- vars: {seconds: 0}\n  block:\n    - command: x\n      async: '{{ undefined }}'\n      poll: '{{ seconds }}'\n",
        "update.yml:3: the task goes on",
    ),
    "background_wait_never": (
        "- command: x\n  async: 60\n  poll: 0\n- pause: seconds=9\n  when: false\n",
        "update.yml:1: the task goes on",
    ),
    "background_included": ("- include_tasks: waits.yml\n- include_tasks: background.yml\n", "/background.yml:1: the task goes on"),
    "background_without_wait": (
        "- import_tasks: background.yml\n- include_tasks: good.yml\n- include_tasks: good.yml\n",
        "/background.yml:1: the task goes on",
    ),
    "background_handler": (
        "- include_role:\n    name: background_handler\n- command: x\n  notify: now\n",
        "/background_handler/handlers/main.yml:1: the task goes on",
    ),
    "include_absent": ("- debug:\n- include_tasks: absent.yml\n", "update.yml:2: there is no file absent.yml to include; create"),
    "include_absent_true": ("- include_tasks: absent.yml\n  when: 1 == 1\n", "update.yml:1: there is no file absent.yml"),
    "include_absent_constant": (
        "- include_tasks: '{{ playbook_dir }}/absent.yml'\n",
        "update.yml:1: there is no file /.*/play/absent.yml to include; create",
    ),
    "include_nothing": ("- include_tasks:\n", r"update.yml:1: Ansible cannot load it \(No file specified.*\)"),
    "import_absent": ("- debug:\n- import_tasks: absent.yml\n", "update.yml:2: there is no file /.*/absent.yml to import; create"),
    "import_undefined": ("- import_tasks: '{{ release }}.yml'\n", "update.yml:1: an import uses the variable release, .*; use"),
    "import_loop": ("- import_tasks: good.yml\n  loop: [1]\n", r"update.yml:1: Ansible cannot load it \(You cannot use loops"),
    "import_without_end": ("- import_tasks: without_end.yml\n", "update.yml: it imports itself without end"),
    "included_keyword": ("- include_tasks: misspelt.yml\n", "/misspelt.yml:1: 'whn' is neither"),
    "included_perhaps": ("- include_tasks: misspelt.yml\n  when: registered is changed\n", "/misspelt.yml:1: 'whn'"),
    "included_in_loop": ("- include_tasks: misspelt.yml\n  loop: '{{ undefined }}'\n", "/misspelt.yml:1: 'whn'"),
    "included_of_known_loop": ("- include_tasks: '{{ item }}.yml'\n  loop: '{{ files }}'\n", "/misspelt.yml:1: 'whn'"),
    "included_importing_of_loop": ("- include_tasks: imports_loop.yml\n  loop: [misspelt]\n", "/misspelt.yml:1: 'whn'"),
    "included_of_literal_loop": ("- include_tasks: '{{ item }}.yml'\n  loop: [good, misspelt]\n", "/misspelt.yml:1: 'whn'"),
    "included_by_fact": ("- include_tasks: '{{ ansible_facts.os_family }}.yml'\n", "/Debian.yml:2: meta: end_play"),
    "included_by_vars": ("- include_tasks: '{{ which }}.yml'\n  vars: {which: misspelt}\n", "/misspelt.yml:1: 'whn'"),
    "included_by_block_vars": (
        "- vars: {which: misspelt}\n  block:\n    - include_tasks: '{{ which }}.yml'\n",
        "/misspelt.yml:1: 'whn'",
    ),
    "included_ending": ("- include_tasks: ending.yml\n", "/ending.yml:2: meta: end_host"),
    "included_play": ("- include_tasks: play.yml\n", "/play.yml:1: a file of tasks cannot hold a play"),
    "included_twice": ("- include_tasks: sub/first.yml\n", "/sub/second.yml:1: 'whn'"),
    "included_importing": ("- include_tasks: sub/static.yml\n", "/sub/second.yml:1: 'whn'"),
    "included_folder": ("- include_tasks: sub\n", "update.yml:1: there is no file sub to include; create"),
    "imported_keyword": ("- import_tasks: misspelt.yml\n", "/misspelt.yml:1: 'whn'"),
    "imported_ending": ("- import_tasks: ending.yml\n", "/ending.yml:2: meta: end_host"),
    "imported_including": ("- import_tasks: sub/first.yml\n", "/sub/second.yml:1: 'whn'"),
    "name_of_the_role": (
        "- debug:\n- include_tasks: restore.yml\n",
        r"update.yml:2: restore.yml would be the file of that name in the role role, not yours; "
        r"write an absolute path such as \{\{ playbook_dir \}\}/restore.yml\.$",
    ),
    "name_of_the_role_never": ("- include_tasks: restore.yml\n  when: false\n", "update.yml:1: restore.yml would be"),
    "name_of_the_role_by_loop": ("- include_tasks: '{{ item }}'\n  with_items: [restore.yml]\n", "update.yml:1: restore.yml"),
    "name_of_the_role_imported": ("- import_tasks: main.yml\n", "update.yml:1: main.yml would be the file"),
    "role_absent": ("- include_role:\n    name: nowhere\n", r"update.yml:\d: there is no role nowhere; correct"),
    "role_absent_import": ("- import_role:\n    name: nowhere\n", r"update.yml:\d: there is no role nowhere; correct"),
    "role_file_absent": ("- include_role:\n    name: app\n    tasks_from: nowhere\n", "update.yml:1: Ansible cannot load it"),
    "role_ending": ("- include_role:\n    name: app\n    tasks_from: ends\n", "/ends.yml:3: meta: end_batch"),
    "role_ending_import": ("- import_role:\n    name: app\n    tasks_from: ends\n", "/ends.yml:3: meta: end_batch"),
    "role_keyword": ("- include_role:\n    name: app\n    tasks_from: typo.yml\n", "/typo.yml:1: 'whn'"),
    "role_including": ("- include_role:\n    name: app\n    tasks_from: deep\n", "/app/tasks/typo.yml:1: 'whn'"),
    "role_handler": ("- include_role:\n    name: bad_handler\n", "/bad_handler/handlers/main.yml:1: meta: end_host"),
    "role_dependency": ("- include_role:\n    name: bad_dependency\n", "there is no role nowhere"),
    "role_no_name": ("- include_role:\n", r"update.yml:1: Ansible cannot load it \('name' is a required field.*\)"),
    "module_not_of_collections": ("- slb_backend_info:\n", "update.yml:1: there is no module or action slb_backend_info"),
}  # fmt: skip


def trusted(text: str) -> str:
    return text if trust_as_template is None else t.cast(str, trust_as_template(text))


class Ground:
    """A playbook's folder, a role's folder beside it, and what an action of a role knows."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        for name, content in SURROUNDINGS.items():
            self.write(name, content)
        self.loader = DataLoader()
        self.loader.set_basedir(str(folder / "play"))
        self.loader.set_vault_secrets([])
        self.inventory = InventoryManager(loader=self.loader, sources=["web1,"])
        self.variables = VariableManager(loader=self.loader, inventory=self.inventory)
        self.task_vars = {
            "playbook_dir": str(folder / "play"),
            "ansible_facts": {"os_family": "Debian"},
            "inventory_hostname": "web1",
            "package_module": "apt",
            "files": ["good", "misspelt"],
        }
        add_all_plugin_dirs(str(folder / "play"))

    @staticmethod
    def trusted(loader: DataLoader, path: str) -> t.Any:
        """The contents of a file whose templates may be rendered, which ansible-core 2.19 and later have to be told."""
        options: dict[str, t.Any] = {} if trust_as_template is None else {"trusted_as_template": True}
        return loader.load_from_file(path, **options)

    def write(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def check(self, content: str | bytes, task: Task | None = None) -> None:
        self.check_path(self.write("play/update.yml", content), task)

    def check_path(self, path: str, task: Task | None = None) -> None:
        with self.nothing_said_or_left_changed(task):
            check_tasks_file(
                path,
                loader=self.loader,
                variable_manager=self.variables,
                task_vars=self.task_vars,
                templar=Templar(loader=self.loader, variables=self.task_vars),
                role_path=str(self.folder / "role"),
                task=task,
                knows_handlers=task is not None,
            )

    @contextlib.contextmanager
    def nothing_said_or_left_changed(self, task: Task | None) -> t.Iterator[None]:
        before = self.state(task)
        self.capture.readouterr()
        try:
            yield
        finally:
            assert self.capture.readouterr() == ("", "")
            assert self.state(task) == before

    def state(self, task: Task | None) -> list[t.Any]:
        """What a check could change behind Ansible's back."""
        objects = (self.loader, self.variables, Display())
        play = t.cast(t.Any, task)._parent._play if task else None
        of_play = (list(play.roles), list(play.handlers), dict(play.role_cache)) if play else ()
        lookups = vars(lookup_loader).get("get")  # its other values are caches
        return [[dict(vars(each)) for each in objects], lookups, set(self.loader._FILE_CACHE), of_play]

    def refuses(self, content: str | bytes, words: str, task: Task | None = None) -> None:
        with pytest.raises(TasksFileError) as caught:
            self.check(content, task)
        require_sentence(str(caught.value), words)


def require_sentence(text: str, words: str) -> None:
    assert re.search(words, text), text
    assert text.startswith("/"), "it does not begin with the file"
    assert text.endswith(".")
    assert "; " in text, "it does not say what to do"
    assert "\n" not in text
    assert "Traceback" not in text


@pytest.fixture
def ground(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], collection_finder: None
) -> Ground:
    # Ansible also looks for files in the current folder.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Display(), "verbosity", 5)
    return Ground(tmp_path, capfd)


@pytest.mark.parametrize("name", VALID)
def test_valid(ground: Ground, name: str) -> None:
    ground.check(VALID[name])
    ground.check(VALID[name], task_of_a_play(ground, handlers=[{"name": "restart", "debug": {}}]))


@pytest.mark.parametrize("name", INVALID)
def test_refused(ground: Ground, name: str) -> None:
    content, words = INVALID[name]
    ground.refuses(content, words)
    ground.refuses(content, words, task_of_a_play(ground))


def test_file_is_missing(ground: Ground) -> None:
    with pytest.raises(TasksFileError) as caught:
        ground.check_path(str(ground.folder / "play" / "absent.yml"))
    require_sentence(str(caught.value), "/play/absent.yml: there is no such file; give the path")


def test_file_is_a_folder(ground: Ground) -> None:
    with pytest.raises(TasksFileError) as caught:
        ground.check_path(str(ground.folder / "play"))
    require_sentence(str(caught.value), "/play: it is not a file; give the path")


def test_file_is_not_text(ground: Ground) -> None:
    ground.refuses(b"- debug:\n    msg: \xff\xfe\x00\n", "update.yml.*: .*; correct")


SECRETS: t.Any = [("default", VaultSecret(b"geheim"))]


def encrypted(content: str) -> bytes:
    return t.cast(bytes, VaultLib(SECRETS).encrypt(content))


def test_encrypted_file_without_its_password(ground: Ground) -> None:
    ground.refuses(encrypted("- debug:\n"), "update.yml: Ansible cannot decrypt it; give its vault password")


def test_encrypted_file_with_its_password(ground: Ground) -> None:
    ground.loader.set_vault_secrets(SECRETS)
    ground.check(encrypted("- debug:\n"))
    ground.refuses(encrypted("- debug:\n- meta: end_host\n"), "update.yml:2: meta: end_host")


def test_works_without_a_variable_manager_and_a_role(ground: Ground) -> None:
    tasks = "- import_tasks: good.yml\n- import_role: {name: app}\n- include_tasks: restore.yml\n"
    path = ground.write("play/update.yml", tasks)
    check_tasks_file(
        path,
        loader=ground.loader,
        variable_manager=None,
        task_vars=ground.task_vars,
        templar=Templar(loader=ground.loader, variables=ground.task_vars),
        role_path="",
    )


def task_of_a_play(ground: Ground, **keywords: t.Any) -> Task:
    """A task of the role ``role`` in a play, as an action finds it."""
    path = ground.write("play/site.yml", f"- hosts: all\n  gather_facts: false\n  roles: [{ground.folder}/role]\n")
    data = Ground.trusted(ground.loader, path)[0]
    play = Play.load({**data, **keywords}, variable_manager=ground.variables, loader=ground.loader)
    blocks = [block for block in play.compile() if block.block and block.block[0]._role]
    return t.cast(Task, blocks[0].block[0])


@pytest.mark.parametrize("kind", ["vars", "role"])
def test_static_import_sees_the_variables_of_its_place(ground: Ground, kind: str) -> None:
    if kind == "role":
        ground.write("role/defaults/main.yml", "release: good\n")
        task = task_of_a_play(ground)
    else:
        task = task_of_a_play(ground, vars={"release": "good"})
    content = "- import_tasks: '{{ release }}.yml'\n"
    ground.check(content, task)
    ground.refuses(content, "an import uses the variable release")


@pytest.mark.parametrize("notify", ["restart", "[now, other]"])
def test_handler_of_the_play_that_goes_on_in_the_background(ground: Ground, notify: str) -> None:
    handler = {"name": "restart", "command": "x", "async": 60, "poll": 0, "listen": "now"}
    other = {"name": "other", "debug": {}}
    task = task_of_a_play(ground, handlers=[handler, other])
    ground.refuses(f"- command: x\n  notify: {notify}\n", r"the task goes on in the background \(poll: 0\)", task)
    ground.check("- command: x\n  notify: other\n", task)
    waiting = {"name": "wait", "wait_for": {"port": 80}, "listen": "now"}
    ground.check("- command: x\n  notify: now\n", task_of_a_play(ground, handlers=[handler, waiting]))


HANDLERS = [
    {"name": "restart", "debug": {}, "listen": ["now", "soon"]},
    {"name": "reload", "command": "x", "notify": "restart"},
    {"name": "lost", "command": "x", "notify": "nowhere"},
]


@pytest.mark.parametrize(
    "content",
    [
        "- command: x\n  notify: [restart, now]\n",
        "- block:\n    - command: x\n  notify: reload\n",
        "- include_role:\n    name: app\n- command: x\n  notify: ['app : restart', soon]\n",
        "- import_role:\n    name: app\n- command: x\n  notify: 'app : restart'\n",
        "- command: x\n  notify: 're{{ word }}'\n",
        "- command: x\n  notify: '{{ undefined }}'\n",
        "- include_role:\n    name: '{{ undefined }}'\n- command: x\n  notify: perhaps there\n",
        "- include_tasks: '{{ undefined }}.yml'\n- command: x\n  notify: perhaps there\n",
    ],
)
def test_handlers_that_there_are(ground: Ground, content: str) -> None:
    ground.task_vars["word"] = "start"
    ground.check(content, task_of_a_play(ground, handlers=HANDLERS))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- command: x\n  notify: restrat\n", "update.yml:1: there is no handler 'restrat'; correct the name"),
        ("- debug:\n- block:\n    - command: x\n  notify: [now, later]\n", "update.yml:3: there is no handler 'later'"),
        ("- command: x\n  notify: 'app : restart'\n", "there is no handler 'app : restart'"),
        ("- command: x\n  notify: 're{{ word }}'\n", "there is no handler 'reboot'"),
        ("- command: x\n  notify: lost\n", "there is no handler 'nowhere'"),
        ("- include_role:\n    name: app\n- command: x\n  notify: restarts\n", "there is no handler 'restarts'"),
    ],
)
def test_handlers_that_there_are_not(ground: Ground, content: str, words: str) -> None:
    ground.task_vars["word"] = "boot"
    ground.refuses(content, words, task_of_a_play(ground, handlers=HANDLERS))


def test_handlers_that_may_be_missing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "- command: x\n  notify: other {{ undefined }}\n- command: x\n  notify: other 7\n"
    ground.refuses(content, "there is no handler 'other 7'", task_of_a_play(ground, handlers=HANDLERS))
    named = {"name": "other {{ undefined }}", "debug": {}}
    ground.check(content, task_of_a_play(ground, handlers=[named]))
    monkeypatch.setenv("ANSIBLE_ERROR_ON_MISSING_HANDLER", "false")
    ground.check(content, task_of_a_play(ground, handlers=HANDLERS))


def test_short_names_come_from_the_collections_of_the_role(ground: Ground) -> None:
    ground.write("role/meta/main.yml", "collections: [aliyun_community.slb]\n")
    ground.check("- slb_backend_info:\n", task_of_a_play(ground))


@pytest.mark.parametrize(
    "task",
    [
        "include_tasks: \"{{ lookup('pipe', 'touch RAN') }}\"",
        "include_tasks: '{{ ran }}'",
        "include_role: {name: \"{{ lookup('pipe', 'touch RAN') }}\"}",
        "action: \"{{ lookup('pipe', 'touch RAN') }}\"",
        "command: touch RAN",
        "include_tasks: good.yml\n  when: lookup('pipe', 'touch RAN')",
        "include_tasks: good.yml\n  loop: \"{{ lookup('pipe', 'touch RAN') }}\"",
    ],
)
def test_nothing_is_run(ground: Ground, task: str) -> None:
    ground.task_vars["ran"] = trusted("{{ lookup('pipe', 'touch RAN') }}")
    ground.check(f"- {task}\n")
    assert list(ground.folder.rglob("RAN")) == []


def test_extra_variables_win(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground.variables, "_extra_vars", {"which": "misspelt"})
    ground.refuses("- include_tasks: '{{ which }}.yml'\n  vars: {which: good}\n", "/misspelt.yml:1: 'whn'")


def test_user_file_below_the_role(ground: Ground) -> None:
    """Who keeps the tasks file in the role itself means the files beside it."""
    ground.check_path(ground.write("role/tasks/update.yml", "- include_tasks: restore.yml\n- import_tasks: main.yml\n"))


def test_static_import_in_a_file_that_the_host_names(ground: Ground) -> None:
    """Before ansible-core 2.19 Ansible cannot load it; the run would end there."""
    content = "- include_tasks: 'imports_{{ ansible_facts.os_family }}.yml'\n"
    if trust_as_template is None:
        ground.refuses(
            content, "/imports_Debian.yml:1: the file included as .* has static imports, which see no variable"
        )
    else:
        ground.check(content)
