# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make .venv, then run a tool with it: ``bootstrap.py LAYER [SCRIPT ARGUMENT...]``.

A layer is a file of tests/requirements; ``tests`` and ``mutants`` contain ``base``. A stamp file
per installed layer holds a hash of everything the layer depends on, so a second
call costs nothing and needs no network. Only the standard library is used here.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
LOG = ROOT / ".cache" / "logs" / "setup.log"
REQUIREMENTS = ROOT / "tests" / "requirements"
# A package of the checkout: base.txt installs it, with the packages that it names.
EMULATOR = ROOT / "tests" / "emulator" / "pyproject.toml"
LAYERS = {"base": ["base"], "tests": ["base", "tests"], "mutants": ["base", "mutants"]}


def read_requirements(path: Path) -> str:
    """The text of a requirements file, with the files it names by ``-r`` put in."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            line = read_requirements(path.parent / line[3:].strip())
        lines.append(line)
    return "\n".join(lines)


def base_python() -> str:
    """The interpreter outside any venv that this process runs on."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def fingerprint(layer: str) -> str:
    """A hash that changes with the requirements, the emulator's too, the interpreter or the checkout's path."""
    parts = [sys.version, base_python(), str(ROOT), EMULATOR.read_text(encoding="utf-8")]
    parts += [read_requirements(REQUIREMENTS / f"{name}.txt") for name in LAYERS[layer]]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def stamp(layer: str) -> Path:
    return VENV / f".layer-{layer}"


def is_stale(layer: str) -> bool:
    """Whether the layer was installed, but from something else than what stands here now."""
    return stamp(layer).exists() and stamp(layer).read_text(encoding="utf-8") != fingerprint(layer)


def run(*command: str | Path) -> None:
    """Run a command of the installation; its failure ends the program with one sentence."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    environment.setdefault("PIP_CACHE_DIR", str(ROOT / ".cache" / "pip"))
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        words = [str(part) for part in command]
        # Paths in requirement files start at the root.
        outcome = subprocess.run(words, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False)
    if outcome.returncode:
        sys.stderr.write(LOG.read_text(encoding="utf-8"))
        sys.exit("Setting up .venv failed, see above. It needs a Python package index, once.")


def create_venv() -> None:
    print(f"Making .venv with Python {sys.version.split()[0]}", flush=True)
    run(base_python(), "-m", "venv", "--clear", VENV)


def install(layer: str) -> None:
    files = [REQUIREMENTS / f"{name}.txt" for name in LAYERS[layer]]
    print(f"Installing {', '.join(str(file.relative_to(ROOT)) for file in files)}", flush=True)
    started = time.monotonic()
    arguments = [argument for file in files for argument in ("-r", file)]
    run(VENV_PYTHON, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", *arguments)
    for name in LAYERS[layer]:
        stamp(name).write_text(fingerprint(name), encoding="utf-8")
    print(f"Installed in {time.monotonic() - started:.0f} s", flush=True)


def ensure(layer: str) -> None:
    """Bring .venv to the state the layer asks for."""
    if not stamp("base").exists() or any(is_stale(name) for name in LAYERS):
        create_venv()
    if not stamp(layer).exists():
        install(layer)


def main() -> None:
    layer, *command = sys.argv[1:]
    ensure(layer)
    if command:
        script = Path(__file__).with_name(command[0])
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), str(script), *command[1:]])


if __name__ == "__main__":
    main()
