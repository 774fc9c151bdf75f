# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-test needs to run without containers and from a Python package index alone.

ansible-test makes its own virtual environments and hands pip nothing of the
caller's environment but HOME and PATH. Files below that home make it work: pip's
configuration, the script it would otherwise download to install pip, and an SSH key.
"""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

import project
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CACHE = project.HOME / ".ansible" / "test" / "cache"

# Runs in place of get-pip.py, with the same arguments, on the wheel beside it.
PIP_SCRIPT = """\
# Installs pip from the wheel in this folder, see tests/tools/ansible_test_home.py.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "{wheel}"))

from pip._internal.cli.main import main

arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--upgrade", "--force-reinstall", *arguments]))
"""


def user_pip_files() -> list[Path]:
    """The places of a user's pip configuration, the one that wins last."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"))
    files = [home / ".pip" / "pip.conf", config / "pip" / "pip.conf"]
    named = os.environ.get("PIP_CONFIG_FILE")
    return [*files, Path(named)] if named and named != os.devnull else files


def write_pip_configuration() -> None:
    """Give the tests' home the pip settings of the user: the files' and the environment's.

    Both may hold the password of an index, so only the owner may read the result.
    """
    settings = configparser.RawConfigParser()
    settings.read(user_pip_files(), encoding="utf-8")
    if not settings.has_section("global"):
        settings.add_section("global")
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE":
            settings.set("global", name.removeprefix("PIP_").lower().replace("_", "-"), value)
    settings.set("global", "cache-dir", str(project.PIP_CACHE))
    target = project.HOME / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        settings.write(file)


def bootstrap_pip_versions() -> set[str]:
    """The versions of pip that the installed ansible-test puts into its environments."""
    program = (
        "import sys; from types import SimpleNamespace as Python;"
        "from ansible_test._internal.python_requirements import get_venv_packages as packages;"
        "print(*[packages(Python(version=version))['pip'] for version in sys.argv[1:]])"
    )
    command: list[str | Path] = [project.PYTHON, "-c", program, *project.target_pythons()]
    output = subprocess.run(command, env=project.environment(), capture_output=True, text=True, check=True).stdout
    return set(output.split())


def write_pip_script(version: str) -> None:
    """Put the script that installs pip where ansible-test looks before it downloads one."""
    script = CACHE / f"get_pip_{version.replace('.', '_')}.py"
    wheel = f"pip-{version}-py3-none-any.whl"
    if script.exists() and (CACHE / wheel).exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [project.PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", CACHE, f"pip=={version}"],
        env=project.environment(),
        capture_output=True,
        check=True,
    )
    script.write_text(PIP_SCRIPT.format(wheel=wheel), encoding="utf-8")


def write_ssh_key() -> None:
    """The key pair that ansible-test has ssh-keygen make for remote hosts; none is contacted here."""
    folder = project.HOME / ".ansible" / "test"
    if (folder / "id_rsa").exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "id_rsa.pub").write_bytes(public)
    (folder / "id_rsa").touch(mode=0o600)
    (folder / "id_rsa").write_bytes(private)


def prepare() -> None:
    """Write all of it; the first call needs a package index."""
    write_pip_configuration()
    write_ssh_key()
    for version in bootstrap_pip_versions():
        write_pip_script(version)


if __name__ == "__main__":
    prepare()
