# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Load a file of tasks the way ``include_tasks`` will, and refuse what would break once it runs.

Ansible parses an included file only when it gets there. For a rolling update that is after the drain, and a parser error
ends the run past every ``rescue``. So the file is loaded before, by Ansible's own loader, from the place in the play where
it will be included: with the same role, parents, collections and variables. That is why valid files stay valid.

It uses internals of ansible-core and runs on the controller only, in an action plugin. Nothing is executed, except that
Ansible evaluates the name of a static import (``import_tasks``, ``import_role``) when it loads it.
"""

from __future__ import annotations

import contextlib
import os
import re
import typing as t
from collections.abc import Iterator, Mapping

from ansible import constants
from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.helpers import load_list_of_blocks
from ansible.playbook.play import Play
from ansible.playbook.role import Role
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.loader import action_loader, lookup_loader, module_loader
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager

from ansible_collections.aliyun_community.slb.plugins.plugin_utils._conditions import names_changed_by, reason_to_change
from ansible_collections.aliyun_community.slb.plugins.plugin_utils._play import tasks_in

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # ansible-core before 2.19: values carry `ansible_pos`
    Origin = None  # type: ignore[assignment, misc]

TEMPLATES_NEED_TRUST = Origin is not None  # since ansible-core 2.19
# Before, a static import in an included file renders the name of that file anew, without the variables of any host.
NAMES_ARE_KEPT_RENDERED = Origin is not None

# They take the host out of the play, past whatever comes after the tasks file.
ENDING = frozenset({"end_host", "end_batch", "end_play"})
END_ROLE = "end_role"
# It lets a host whose update has failed go on, and back into traffic.
CLEAR = "clear_host_errors"
HARMLESS = frozenset(
    {
        "clear_facts",
        "flush_handlers",
        "noop",
        "refresh_inventory",
        "reset_connection",
        "role_complete",
    }
)
# Modules that can wait for what an earlier task has begun in the background, without their collections and `win_`.
WAITING = frozenset({"async_status", "pause", "wait_for", "wait_for_connection"})
PLAYBOOK_IMPORTS = frozenset({"import_playbook", "ansible.builtin.import_playbook", "ansible.legacy.import_playbook"})

# Variables that no task changes: a name made of them and text is as good as a literal one.
_CONSTANT = re.compile(r"\{\{\s*(?:playbook_dir|inventory_dir)\s*\}\}")
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
# A role that does not exist, and one that lacks the file of tasks_from and its kin.
_NO_ROLE_OR_FILE = re.compile(r"[Tt]he role '.*?' was not found|Could not find specified file in role")
# What Display has to say goes through these, in ansible-core 2.16 to 2.21.
_VOICES = (
    "banner",
    "debug",
    "deprecated",
    "display",
    "error",
    "error_as_warning",
    "system_warning",
    "verbose",
    "warning",
    "_deprecated",
    "_deprecated_with_plugin_info",
    "_error",
    "_verbose_display",
    "_verbose_log",
    "_warning",
)


class TasksFileError(Exception):
    """The file would break the rolling update. The text is one sentence: file and line, what is wrong, what to do."""


def check_tasks_file(
    path: str,
    *,
    loader: DataLoader,
    variable_manager: VariableManager | None,
    task_vars: Mapping[str, t.Any],
    templar: t.Any,
    role_path: str,
    task: Task | None = None,
    knows_handlers: bool = False,
) -> dict[str, str]:
    """Raise TasksFileError if including the file ``path`` in the role at ``role_path`` would break.

    Returns the names of the variables and facts that its tasks set, as far as they are known, and where.

    ``path`` is absolute. ``task_vars`` are the variables of the host that the check runs for. ``task`` is the task that
    asks (``self._task`` of an action). Without it, static imports do not see the variables of the play, and short names of
    modules are not looked up in the role's collections. ``role_path`` is empty outside a role. ``knows_handlers``: the play of
    the task is the one that will include the file.
    """
    with silence():
        own_loader = RecordingLoader(loader)
        variables = variable_manager or VariableManager(loader=own_loader)
        site = Site.of(task, role_path, own_loader, variables)
        check = TaskCheck(site, dict(task_vars), templar, role_path)
        check.is_complete = knows_handlers
        check.check_file(os.path.normpath(path))
        return check.changes


def blocks_after(block: Block, loader: DataLoader, variable_manager: VariableManager | None) -> list[Block]:
    """The blocks that come after one in an included file. Ansible does not keep them at hand, so it is loaded again."""
    first = next(tasks_in([block]))
    part: t.Any = first
    while part._uuid != block._uuid:  # to where it is imported, if it is; Ansible has copied some of the blocks
        first = part if isinstance(part, Task) else first
        part = part._parent
    own_loader = RecordingLoader(loader)
    with silence():
        try:
            blocks: list[Block] = load_list_of_blocks(
                own_loader.load_tasks(position_of(first).path or ""),
                play=block._play.copy(),
                parent_block=block._parent,
                role=block._role,
                variable_manager=variable_manager or VariableManager(loader=own_loader),
                loader=own_loader,
            )
        except AnsibleError:
            return []  # Ansible has just loaded it, but knew more variables
    places = {str(position_of(task)) for task in tasks_in([block])}
    alike = [
        number for number, each in enumerate(blocks) if places & {str(position_of(task)) for task in tasks_in([each])}
    ]
    return blocks[alike[-1] + 1 :] if alike else []


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep Ansible quiet: whatever it has to say about the file, it says when it includes it."""
    display = Display()
    with _replaced(display, (name for name in _VOICES if hasattr(display, name)), _say_nothing):
        yield


def _say_nothing(*_args: t.Any, **_kwargs: t.Any) -> None:
    return None


@contextlib.contextmanager
def _replaced(instance: object, methods: t.Iterable[str], function: t.Callable[..., t.Any]) -> Iterator[None]:
    """Put a function in place of methods of an object."""
    own = vars(instance)
    before = dict(own)
    own.update(dict.fromkeys(methods, function))
    try:
        yield
    finally:
        for name in [name for name in own if own[name] is function]:
            del own[name]
        own.update({name: value for name, value in before.items() if name not in own})


@contextlib.contextmanager
def _no_lookups() -> Iterator[None]:
    """Without lookups, which may run programs: a template that needs one cannot be rendered."""
    with _replaced(lookup_loader, ("get",), _refuse_lookup):
        yield


def _refuse_lookup(name: str, *_args: t.Any, **_kwargs: t.Any) -> t.NoReturn:
    raise AnsibleError(f"The lookup {name} is not evaluated.")


class RecordingLoader(DataLoader):
    """A loader like the given one that shares no state with it and remembers what it has loaded.

    ``loaded``: the parsed contents, which carry their positions.
    """

    def __init__(self, original: DataLoader) -> None:
        vars(self).update(vars(original))
        self._FILE_CACHE = dict(original._FILE_CACHE)
        self.loaded: list[t.Any] = []

    def load_from_file(self, *args: t.Any, **kwargs: t.Any) -> t.Any:
        data = super().load_from_file(*args, **kwargs)
        self.loaded.append(data)
        return data

    def load_tasks(self, path: str) -> t.Any:
        if TEMPLATES_NEED_TRUST:
            return self.load_from_file(path, trusted_as_template=True)
        return self.load_from_file(path)


class Site(t.NamedTuple):
    """The place in the play where the file will be included."""

    play: Play
    role: Role
    parent: Block | None
    loader: RecordingLoader
    variables: VariableManager

    @classmethod
    def of(cls, task: Task | None, role_path: str, loader: RecordingLoader, variables: VariableManager) -> Site:
        parent = task._parent if task else None
        play = getattr(parent, "_play", None)
        # A copy, because loading a role adds it to the play.
        play = play.copy() if play else Play()
        role = task._role if task else None
        role_path = role_path or loader.get_basedir()
        if role is None or os.path.realpath(role._role_path) != os.path.realpath(role_path):
            blank: t.Any = Role(play=play)
            blank._role_path, blank._role_name = role_path, os.path.basename(role_path)
            blank._loader, blank._variable_manager = loader, variables
            role = blank
        return cls(play, role, parent, loader, variables)

    def include(self, path: str) -> TaskInclude:
        data = {"ansible.builtin.include_tasks": {"file": path}}
        loading: dict[str, t.Any] = {"variable_manager": self.variables, "loader": self.loader}
        include: TaskInclude = TaskInclude.load(data, block=self.parent, role=self.role, **loading)
        return include


class _Position(t.NamedTuple):
    path: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


def position_of(value: t.Any) -> _Position:
    """Where a parsed value, a task or the object of an error comes from, as far as Ansible knows."""
    if hasattr(value, "get_ds"):
        value = value.get_ds()
    if Origin is None:
        place = getattr(value, "ansible_pos", None)
        return _Position(str(place[0]), place[1]) if place else _Position()
    origin = value if isinstance(value, Origin) else Origin.get_tag(value)
    return _Position(origin.path, origin.line_num) if origin and origin.path else _Position()


def _refusal(where: object, what: str, remedy: str) -> TasksFileError:
    return TasksFileError(f"{where}: {what}; {remedy}.")


class TaskCheck:
    """One check of tasks, and of all files and roles that they are known to include."""

    def __init__(self, site: Site, task_vars: dict[str, t.Any], templar: t.Any, role_path: str) -> None:
        self.site = site
        self.task_vars = task_vars
        self.templar = templar
        self.role_folder = os.path.realpath(role_path) if role_path else None
        # Ansible looks beside the playbook, too, before it looks beside the user's file.
        self.playbooks = os.path.join(os.path.dirname(os.path.dirname(self.role_folder or "")), "playbooks")
        self.seen: dict[tuple[str, ...], bool] = {}  # files and roles, and whether one of their tasks waits
        self.waits = 0  # tasks that wait, so far
        self.background: list[_Position] = []  # tasks that go on by themselves, and that no later task waits for
        self.tasks: list[Task] = []  # all known tasks, in order
        self.changes: dict[str, str] = {}  # what they set, and where
        self.notified: dict[str, _Position] = {}  # names of handlers, and the first task that notifies each
        self.is_complete = True  # whether the play and all files and roles are known
        self.unknown: set[str] = set()  # loop variables whose values are not known yet

    def check_file(self, path: str) -> None:
        if not os.path.isfile(path):
            what = "it is not a file" if os.path.exists(path) else "there is no such file"
            raise _refusal(path, what, "give the path of an existing file with tasks")
        self.check_tasks(path, self.site.include(path), self.site.role)
        handlers = self.check_notified(path)
        self.check_background(handlers, path)

    # --- files and roles ----------------------------------------------------------------------

    def check_tasks(self, path: str, include: TaskInclude, role: Role | None) -> None:
        """Check a file that ``include``, a dynamic include in ``role``, leads to."""
        key = (os.path.realpath(path), role._role_path if role else "")
        if not self.is_new(key):
            return
        with self.translated_errors(path):
            data = self.site.loader.load_tasks(path)
            _check_items(path, data)
            try:
                blocks = load_list_of_blocks(
                    data,
                    play=self.site.play,
                    parent_block=include.build_parent_block(),
                    role=role,
                    variable_manager=self.site.variables,
                    loader=self.site.loader,
                )
            except AnsibleError as error:
                if self.needs_unknown(error):
                    self.note_unknown()
                    return
                raise
        self.check_content(key, blocks, path)

    def check_role(self, include: IncludeRole, name: str, from_files: Mapping[str, str], sure: bool, path: str) -> None:
        """Check a role that ``include``, a dynamic include in the file ``path``, leads to; if not ``sure``, perhaps."""
        key = ("role", name, *(f"{part}={file}" for part, file in sorted(from_files.items())))
        if not self.is_new(key):
            return
        include = include.copy()
        include._role_name = name
        include._from_files = dict(from_files)
        with self.translated_errors(path, include):
            try:
                blocks, handlers = include.get_block_list(
                    play=self.site.play, variable_manager=self.site.variables, loader=self.site.loader
                )
            except AnsibleError as error:
                if self.needs_unknown(error) or not sure and _NO_ROLE_OR_FILE.search(_reason(error)):
                    self.note_unknown()
                    return
                raise
        self.check_content(key, blocks, path)
        for handler in [handler for block in handlers for handler in block.block]:
            if handler.action in constants._ACTION_META:
                self.check_meta(handler, path)

    def needs_unknown(self, error: AnsibleError) -> bool:
        """Whether a static import could not be loaded only because a loop has no values yet."""
        undefined = _UNDEFINED.search(_reason(error))
        return undefined is not None and undefined.group(1) in self.unknown

    def is_new(self, key: tuple[str, ...]) -> bool:
        """Whether it was not checked before: files may include themselves under a condition."""
        if key not in self.seen:
            self.seen[key] = False
            return True
        if self.seen[key]:
            self.wait()
        return False

    def check_content(self, key: tuple[str, ...], blocks: t.Iterable[Block], path: str) -> None:
        before = self.waits
        self.check_blocks(blocks, path)
        self.seen[key] = self.waits > before

    @contextlib.contextmanager
    def translated_errors(self, path: str, include: Task | None = None) -> Iterator[None]:
        """Turn whatever Ansible raises into one sentence."""
        try:
            yield
        except TasksFileError:
            raise
        except RecursionError as error:
            raise _refusal(path, "it imports itself without end", "use include_tasks with a condition") from error
        except AnsibleFileNotFound as error:
            raise self.missing_import(error, path, include) from error
        except AnsibleError as error:
            raise _explained(error, path, include, self.site.loader.loaded) from error
        except Exception as error:  # pylint: disable=broad-except
            # Ansible itself has no word for it, and would end with a traceback.
            reason = f"Ansible cannot load it ({type(error).__name__}: {_one_line(str(error))})"
            raise _refusal(path, reason, "correct the file") from error

    def missing_import(self, error: AnsibleFileNotFound, path: str, include: Task | None) -> TasksFileError:
        """A static import of a file that does not exist. Ansible's error does not say where the import is."""
        missing = str(error.file_name or path)
        where = _place(error, include, self.site.loader.loaded, os.path.basename(missing))
        what = f"there is no file {missing} to import"
        return _refusal(where if where.path else path, what, "create it or correct the path")

    # --- tasks --------------------------------------------------------------------------------

    def check_blocks(self, blocks: t.Iterable[Block], path: str) -> None:
        for block in blocks:
            for part in (block.block, block.rescue, block.always):
                for task in part:
                    if isinstance(task, Block):
                        self.check_blocks([task], path)
                    elif not task.implicit:
                        self.check_task(task, path)

    def check_task(self, task: Task, path: str) -> None:
        self.tasks.append(task)
        if self.is_of_user(task):
            self.check_import(task, path)
        action = self.rendered(task.action, task)
        self.note_changes(task, action, path)
        if action in constants._ACTION_META:
            self.check_meta(task, path)
        elif isinstance(task, IncludeRole):
            self.check_role_include(task, path)
        elif isinstance(task, TaskInclude):
            self.check_include(task, path)
        else:
            self.note_notified(task, path)
            self.note_background(task, action, path)
            if action is not None and not {"action", "local_action"}.isdisjoint(task.get_ds() or ()):
                self.check_action(action, task, path)

    def check_meta(self, task: Task, path: str) -> None:
        action = task.args.get("_raw_params")
        where = self.where(task, path)
        if action in ENDING or action == END_ROLE and self.is_of_user(task):
            what = f"meta: {action} would end this host's rolling update before its weight is restored"
            raise _refusal(where, what, "skip the rest with a condition on a block, or use ansible.builtin.fail")
        if action == CLEAR:
            what = f"meta: {action} would put hosts back into traffic whose update has failed"
            raise _refusal(where, what, "use ignore_errors for tasks that may fail")
        if action not in HARMLESS and action != END_ROLE:
            what = f"{action!r} is not an action of ansible.builtin.meta"
            raise _refusal(where, what, "correct it, and write it without a template")

    def check_action(self, action: str, task: Task, path: str) -> None:
        """When Ansible loads a task it looks for its module, but not for one that ``action:`` names."""
        with self.translated_errors(str(self.where(task, path)), task):
            if not _is_action(action, task.collections):
                raise _refusal(self.where(task, path), f"there is no module or action {action}", _MODULE_REMEDY)

    def check_import(self, task: Task, path: str) -> None:
        """A static import is loaded already. It must not have found a file of the role in place of the user's."""
        file = position_of(task).path
        if file and self.is_own(file) and not self.is_own(path):
            include = task.get_first_parent_include()
            raise self.own_file(self.where(include or task, path), file)

    def note_changes(self, task: Task, action: str | None, path: str) -> None:
        names = names_changed_by(task, action)
        if str(action).rpartition(".")[2] == "include_vars":
            names += self.names_in_file(task)
        if action in constants._ACTION_META and task.args.get("_raw_params") == "refresh_inventory":
            names += self.names_in_inventory()
        for name in names:
            self.changes.setdefault(name, str(self.where(task, path)))

    def names_in_file(self, task: Task) -> list[str]:
        """The variables that include_vars sets, as far as its files are known."""
        name, given = (self.rendered(task.args.get(key), task) for key in ("name", "file"))
        if name:
            return [name]
        given = given or self.rendered(task.args.get("_raw_params"), task) or self.rendered(task.args.get("dir"), task)
        if not given:
            return []
        try:
            place = self.site.loader.path_dwim_relative_stack(task.get_search_path(), "vars", given)
            files = [os.path.join(place, each) for each in os.listdir(place)] if os.path.isdir(place) else [place]
            loaded = [self.site.loader.load_from_file(each) for each in files if os.path.isfile(each)]
        except AnsibleError:
            return []
        return [str(key) for content in loaded if isinstance(content, dict) for key in content]

    def names_in_inventory(self) -> list[str]:
        """The variables that the inventory itself gives to the host."""
        inventory = self.site.variables._inventory
        host = inventory and inventory.get_host(self.task_vars.get("inventory_hostname"))
        sources = [host, *host.get_groups()] if host else []
        return ["groups", "group_names", *(str(name) for each in sources for name in each.get_vars())]

    # --- handlers -----------------------------------------------------------------------------

    def note_notified(self, task: Task, path: str) -> None:
        for given in as_list(task.notify):
            name = self.rendered(given, task)
            if name:
                self.notified.setdefault(name, self.where(task, path))

    def check_notified(self, path: str) -> list[t.Any]:
        """The handlers that may run. Refuse a notification without a handler: it would end the run past every rescue."""
        play = self.site.play
        blocks = [*play.handlers, *(block for role in play.roles for block in role.get_handler_blocks(play=play))]
        handlers = {handler._uuid: handler for block in blocks for handler in block.block}
        found: list[t.Any] = []
        for name, where in _growing(self.notified):
            named = [handler for handler in handlers.values() if name in _notifications(handler)]
            for handler in named:
                if handler.action in constants._ACTION_META:
                    self.check_meta(handler, path)
                self.note_changes(handler, handler.action, path)
                self.note_notified(handler, path)
            found += [handler for handler in named if handler not in found]
            is_known = named or any(_is_template(str(handler.name)) for handler in handlers.values())
            is_fatal = constants.config.get_config_value("ERROR_ON_MISSING_HANDLER")
            if not is_known and self.is_complete and is_fatal:
                raise _refusal(
                    where, f"there is no handler {name!r}", "correct the name, or add the handler to the play"
                )
        return found

    # --- tasks in the background --------------------------------------------------------------

    def note_background(self, task: Task, action: str | None, path: str) -> None:
        """Remember a task that goes on by itself on the host, and forget those that this task can wait for."""
        waits = task.until or str(action).rpartition(".")[2].removeprefix("win_") in WAITING
        # Most tasks are neither, and their conditions need not be rendered.
        if not (waits or task.async_val) or self.runs(task) is False:
            return
        if waits:
            self.wait()
        elif (
            not task.delegate_to
            and self.number(task.async_val, task) != 0
            and self.number(task.poll, task) in (0, None)
        ):
            self.background.append(self.where(task, path))

    def note_unknown(self) -> None:
        """There is a file or role that is not known yet."""
        self.is_complete = False
        self.wait()

    def wait(self) -> None:
        """There is a task, or a file that is not known yet, that may wait for what went on in the background."""
        self.waits += 1
        self.background.clear()

    def number(self, given: t.Any, task: Task) -> int | None:
        try:
            return int(self.value_of(given, task))
        except (TypeError, ValueError):
            return None

    def check_background(self, handlers: t.Iterable[t.Any], path: str) -> None:
        """Refuse what would still be at work when the host is back in traffic, also if a handler begins it."""
        for handler in handlers:
            self.note_background(handler, handler.action, path)
        if self.background:
            what = "the task goes on in the background (poll: 0), and no later one waits for it"
            remedy = (
                "wait for its end with ansible.builtin.async_status, or for the service with ansible.builtin.wait_for"
            )
            raise _refusal(self.background[0], what, remedy)

    # --- dynamic includes ---------------------------------------------------------------------

    def check_include(self, task: TaskInclude, path: str) -> None:
        """Check what ``include_tasks`` leads to, where that is known before the run."""
        for name, sure, loop_vars in self.names(task.args.get("_raw_params"), task):
            file = self.resolved(task, name)
            exists = os.path.isfile(file)
            if exists and self.is_mistaken(file, name, task, path):
                raise self.own_file(self.where(task, path), file)
            runs = self.runs(task)
            if not exists and sure and runs is True:
                what = f"there is no file {name} to include"
                raise _refusal(self.where(task, path), what, "create it or correct the path")
            if not exists and runs is not False:
                self.note_unknown()
            if exists and runs is not False:
                include = task.copy()
                include.vars = {**task.vars, **loop_vars}
                if NAMES_ARE_KEPT_RENDERED:
                    include.args = {**task.args, "_raw_params": name}
                self.check_tasks(file, include, task._role)

    def is_mistaken(self, file: str, name: str, task: Task, path: str) -> bool:
        """Whether the user's relative name leads to a file of this collection, where Ansible looks first."""
        relative = not os.path.isabs(os.path.expanduser(name))
        return relative and self.is_of_user(task) and self.is_own(file) and not self.is_own(path)

    def check_role_include(self, task: IncludeRole, path: str) -> None:
        """Check what ``include_role`` leads to, where that is known before the run."""
        if task.statically_loaded or self.runs(task) is False:
            return
        from_files: dict[str, str] = {}
        all_sure = True
        for part, given in task._from_files.items():
            names = list(self.names(given, task))
            if len(names) != 1:
                self.note_unknown()
                return
            from_files[part] = names[0][0]
            all_sure = all_sure and names[0][1]
        for name, sure, _loop_vars in self.names(task._role_name, task):
            self.check_role(task, name, from_files, sure and all_sure and self.runs(task) is True, path)

    def resolved(self, task: TaskInclude, name: str) -> str:
        """The file that Ansible will include, as IncludedFile.process_include_results finds it."""
        loader, role = self.site.loader, task._role
        within = ""
        parent = task._parent
        while parent is not None:
            if isinstance(parent, TaskInclude):
                folder = self.folder_of(parent)
                within = os.path.join(folder, within) if within and not os.path.isabs(within) else folder
                for found in self.candidates(role, within, name):
                    if os.path.exists(found):
                        return found
            parent = parent._parent
        last: str = (
            loader.path_dwim_relative(role._role_path, "tasks", name, is_role=True) if role else loader.path_dwim(name)
        )
        return last

    def candidates(self, role: Role | None, within: str, name: str) -> Iterator[str]:
        """Where Ansible looks for a file that is included from the folder ``within`` of a role or play."""
        loader = self.site.loader
        if role is None:
            yield loader.path_dwim_relative(loader.get_basedir(), within, name)
            return
        for start in (role._role_path, os.path.join(role._role_path, "tasks", within)):
            yield loader.path_dwim_relative(start, "tasks", name, is_role=True)

    def folder_of(self, include: TaskInclude) -> str:
        if isinstance(include, IncludeRole):
            return include._role_path or ""
        return os.path.dirname(self.rendered(include.args.get("_raw_params"), include) or "")

    # --- variables and conditions -------------------------------------------------------------

    def names(self, given: t.Any, task: Task) -> Iterator[tuple[str, bool, dict[str, t.Any]]]:
        """The names that an include has, as far as they are known.

        With each: whether no task can change it, and the loop variable that it has.
        """
        if not isinstance(given, str):
            return
        sure = not _is_template(_CONSTANT.sub("", given))
        for value in self.loop_variables(task):
            name = self.rendered(given, task, value)
            if name:
                yield name, sure, value
            else:
                self.note_unknown()

    def loop_variables(self, task: Task) -> list[dict[str, t.Any]]:
        """The loop variable of each iteration, as far as it is known; without a loop one iteration that has none."""
        if task.loop is None:
            return [{}]
        variable = str(task.loop_control.loop_var or "item")
        values = self.value_of(task.loop, task) if task.loop_with in (None, "list", "items") else None
        if isinstance(values, list) and values:
            return [{variable: value} for value in values]
        self.unknown.add(variable)
        return [{}]

    def rendered(self, given: t.Any, task: Task, more: Mapping[str, t.Any] | None = None) -> str | None:
        """Text without templates; None where they cannot be rendered now or look something up."""
        if not isinstance(given, str) or not _is_template(given):
            return given if isinstance(given, str) else None
        value = self.value_of(given, task, more)
        return value if isinstance(value, str) else None

    def value_of(self, given: t.Any, task: Task, more: Mapping[str, t.Any] | None = None) -> t.Any:
        """What a value with templates is now; None where that is not known."""
        try:
            with _no_lookups():
                return self.templar_for(task, more).template(given)
        except Exception:  # pylint: disable=broad-except
            return None  # of which kind depends on the filters; it may well have a value when it is needed

    def runs(self, task: Task) -> bool | None:
        """Whether the conditions of a task and of its blocks hold; None where that is not known yet."""
        answer: bool | None = True
        for condition in task.when:
            holds = self.holds(condition, task)
            if holds is False and reason_to_change(str(condition), self.changes, self.task_vars):
                holds = None
            if holds is False:
                return False
            answer = answer and holds
        return answer

    def holds(self, condition: t.Any, task: Task) -> bool | None:
        if isinstance(condition, bool):
            return condition
        templar = self.templar_for(task)
        try:
            with _no_lookups():
                if TEMPLATES_NEED_TRUST:
                    return bool(templar.evaluate_conditional(condition))
                return bool(templar.template(f"{{{{ ({condition}) | bool }}}}"))
        except Exception:  # pylint: disable=broad-except
            return None

    def templar_for(self, task: Task, more: Mapping[str, t.Any] | None = None) -> t.Any:
        of_role = {"role_path": task._role._role_path, "role_name": task._role._role_name} if task._role else {}
        variables = {
            **self.task_vars,
            **of_role,
            **task.get_vars(),
            **(more or {}),
            **self.site.variables.extra_vars,
        }
        return self.templar.copy_with_new_env(available_variables=variables)

    # --- words --------------------------------------------------------------------------------

    def is_of_user(self, task: Task) -> bool:
        """Whether a task is in the user's files, not in a role that these include: it runs as a task of our role."""
        return task._role is None or task._role._role_path == self.site.role._role_path

    def is_own(self, path: str) -> bool:
        """Whether a file is one of the role that includes the user's file, or of the playbooks of its collection."""
        folders = (self.role_folder, self.playbooks) if self.role_folder else ()
        return any(_is_below(path, folder) for folder in folders)

    def where(self, task: Task, path: str) -> _Position:
        found = position_of(task)
        return found if found.path else _Position(path)

    def own_file(self, where: object, file: str) -> TasksFileError:
        name = os.path.basename(file)
        if _is_below(file, self.role_folder or ""):
            what = f"{name} would be the file of that name in the role {os.path.basename(self.site.role._role_path)}, not yours"
            return _refusal(where, what, f"write an absolute path such as {{{{ playbook_dir }}}}/{name}")
        what = f"{name} would be the playbook of that name in this collection, not your file"
        return _refusal(where, what, "write an absolute path or give the file another name")


def _is_below(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(f"{folder}{os.sep}")


def as_list(keyword: t.Any) -> list[t.Any]:
    """A keyword that is a list or one value, before Ansible makes a list of it."""
    return keyword if isinstance(keyword, list) else [] if keyword is None else [keyword]


def _growing(mapping: dict[str, _Position]) -> Iterator[tuple[str, _Position]]:
    """The items of a mapping, with those that are added meanwhile."""
    seen: set[str] = set()
    while len(seen) < len(mapping):
        for name in [name for name in mapping if name not in seen]:
            seen.add(name)
            yield name, mapping[name]


def _notifications(handler: t.Any) -> list[str]:
    """What notifies a handler, as the strategies of Ansible look it up."""
    names = [handler.name, handler.get_name(include_role_fqcn=False), handler.get_name(include_role_fqcn=True)]
    return [*(names if handler.name else ()), *as_list(handler.listen)]


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _check_items(path: str, data: t.Any) -> None:
    """Refuse what is not a list of tasks, and what Ansible takes for a task but is none."""
    if data is None:
        return
    if not isinstance(data, list):
        raise _refusal(_Position(path), "the file does not hold a list of tasks", "begin each task with a dash")
    for item in data:
        where = position_of(item)
        where = where if where.path else _Position(path)
        if item is not None and not isinstance(item, dict):
            raise _refusal(
                where, f"{_one_line(str(item))!r} is not a task", "write a mapping with a module and its options"
            )
    for item in _items(data):
        if not all(isinstance(key, str) for key in item):
            raise _refusal(position_of(item), "a keyword of a task must be text", "correct the name before the colon")
        if PLAYBOOK_IMPORTS & set(item):
            raise _refusal(
                position_of(item), "a file of tasks cannot import a playbook", "import its tasks with include_tasks"
            )


def _explained(error: AnsibleError, path: str, include: Task | None, loaded: list[t.Any]) -> TasksFileError:
    """An error of Ansible's loader in one sentence."""
    reason = _reason(error)
    undefined = _UNDEFINED.search(reason)
    where = _place(error, include, loaded, undefined.group(1) if undefined else "")
    where = where if where.path else _Position(path)
    if re.search(r"\bhosts\b", reason) and any("hosts" in item for data in loaded for item in _items(data)):
        return _refusal(where, "a file of tasks cannot hold a play", "keep only the tasks, without hosts")
    conflict = re.search(r"conflicting action statements: (.*)", reason)
    for name in conflict.group(1).split(", ") if conflict else []:
        if not _is_action(name):
            return _refusal(where, f"'{name}' is neither a keyword of a task nor a module", "correct the spelling")
    for pattern, what, remedy in _KNOWN_REASONS:
        found = re.search(pattern, reason)
        if found:
            return _refusal(where, what.format(*found.groups()), remedy)
    return _refusal(where, f"Ansible cannot load it ({reason})", "correct the file")


_MODULE_REMEDY = "correct the name or install the collection that has it"
# Patterns of ansible-core 2.16 to 2.21, what they mean, and what to do.
_KNOWN_REASONS = (
    (r"couldn't resolve module/action '(.*?)'", "there is no module or action {0}", _MODULE_REMEDY),
    (r"conflicting action statements: (.*)", "one task has several modules ({0})", "make a task of each"),
    (r"no module/action detected", "the task has no module", "add one or remove the task"),
    (r"('.*?') is not a valid attribute for a (?:\w*Include\w*|IncludeRole)", "an include cannot have the keyword {0}",
     "remove it, or put it below apply"),
    (r"('.*?') is not a valid attribute for a (\w+)", "{0} is not a keyword of a task or block", "correct the spelling"),
    (r"[Tt]he role '(.*?)' was not found", "there is no role {0}", "correct the name or install the role"),
    (r"variable in dynamic parent include path: (.*?)\. When using static imports",
     "the file included as {0} has static imports, which see no variable of a host in that name",
     "use include_tasks in that file"),
    (_UNDEFINED.pattern, "an import uses the variable {0}, which has no value when the file is loaded",
     "use include_tasks or include_role"),
    (r"(?i)no vault secrets|decrypt", "Ansible cannot decrypt it", "give its vault password to the run"),
    (r"(?is)(?:Syntax Error while loading YAML|YAML parsing failed)\W*(.*)$", "it is not valid YAML ({0})", "correct the syntax"),
)  # fmt: skip


def _is_action(name: str, collections: list[str] | None = None) -> bool:
    """Whether there is a module or an action of that name."""
    return any(
        plugins.find_plugin_with_context(name, collection_list=collections).resolved
        for plugins in (action_loader, module_loader)
    )


def _reason(error: BaseException) -> str:
    """What an error and its causes say, without excerpts of the file, in one line without a full stop."""
    texts: list[str] = []
    found: BaseException | None = error
    while found is not None:
        text = str(getattr(found, "_message", "") or found.args[:1] and found.args[0] or "")
        text = text.partition("\n\nThe error appears")[0].partition("\nThis error can be suppressed")[0]
        text = _one_line(text).rstrip(". ")
        if text and text not in texts:
            texts.append(text)
        found = found.__cause__ if isinstance(found.__cause__, AnsibleError) else None
    return ": ".join(texts) or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _items(data: t.Any) -> Iterator[dict[str, t.Any]]:
    """All tasks and blocks of parsed contents."""
    for item in data if isinstance(data, list) else []:
        if isinstance(item, dict):
            yield item
            for part in ("block", "rescue", "always"):
                yield from _items(item.get(part))


def _place(error: AnsibleError, include: Task | None, loaded: list[t.Any], imported: str) -> _Position:
    """Where an error comes from: what it says itself, else the import that mentions ``imported``, else the include."""
    found = [position_of(error.obj)]
    if imported:
        found += [position_of(item) for data in reversed(loaded) for item in _items(data) if _imports(item, imported)]
    found.append(position_of(include))
    return next((place for place in found if place.path), _Position())


def _imports(item: Mapping[str, t.Any], name: str) -> bool:
    imports = (constants._ACTION_IMPORT_TASKS, constants._ACTION_IMPORT_ROLE)
    return any(name in str(item.get(action, "")) for actions in imports for action in actions)
