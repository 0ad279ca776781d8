"""The box that student code runs in: bubblewrap with nothing of this machine but Python and its libraries, read-only.

Levels. `uid`: called as root, the student's process gets a user id of its own, so that it can neither signal the
process that started it nor fork without limit. `userns`: called as an ordinary user, in a user namespace. Without a
box, only where it is asked for: `account`, a user id of its own; `unsafe`, only resource limits.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sslcourse.exercises import BOX_FILES
from sslcourse.grading import bubblewrap, seccomp
from sslcourse.grading.bubblewrap import NoSandbox

_PACKAGE = Path(__file__).resolve().parent.parent
# What of this package goes into the box. A list of what is allowed, not of what is secret: a new file stays outside.
INCLUDED = (
    "__init__.py",
    *BOX_FILES,
    *(
        f"grading/{name}.py"
        for name in ("__init__", "box", "child", "clock", "namespaces", "standins", "student", "wire")
    ),
)
NOTEBOOK_STANDIN = "grading/box_notebook.py"  # becomes sslcourse/notebook/__init__.py

_LIMITS = "no new namespaces, limits on processor time, memory, processes and file size"
SENTENCES = {
    "uid": f"bubblewrap: no network, no files but Python's libraries, a user id of its own, {_LIMITS}",
    "userns": f"bubblewrap in a user namespace: no network, no files but Python's libraries, {_LIMITS}",
    "account": "NOT SANDBOXED (--in-container): a user id of its own, which can read no answers and write no results; "
    "the network and the container's other files were there",
    "unsafe": "NOT SANDBOXED (--unsafe): student code ran with the grader's own rights, "
    "under limits on time and memory only",
}


NO_BOX = {"account", "unsafe"}


def level(unsafe: bool = False, in_container: bool = False) -> str:
    """The best level this machine offers, "uid" or "userns"; with `unsafe`, "unsafe": no box. Raises NoSandbox.

    `in_container` allows "account" where there is no box: in a container for one submission, as root.
    """
    if unsafe:
        return "unsafe"
    mode, reason = _probe()
    if mode is None and in_container and os.geteuid() == 0:
        return "account"
    if mode is None:
        raise NoSandbox(f"No sandbox: {reason} To grade without one, in a machine you can lose, give --unsafe.")
    return mode


def available() -> tuple[bool, str]:
    """Whether there is a box, and the level's sentence or the reason why not."""
    mode, reason = _probe()
    return mode is not None, SENTENCES[mode] if mode else reason


def filtered_copy(directory: Path, extra: dict[str, Path] | None = None) -> None:
    """Write what may be in the box below `directory`: parts of this package, and `extra` (path inside -> source)."""
    wanted = {inside: _PACKAGE / inside for inside in INCLUDED} | {"notebook/__init__.py": _PACKAGE / NOTEBOOK_STANDIN}
    copies = {Path("sslcourse") / inside: source for inside, source in wanted.items()}
    copies |= {Path(inside): source for inside, source in (extra or {}).items()}
    directory.chmod(0o755)
    for inside, source in copies.items():
        target = directory / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(0o644)
    for folder in (path for path in directory.rglob("*") if path.is_dir()):
        folder.chmod(0o755)


def start(
    mode: str,
    code: str,
    modules: Path,
    arguments: Sequence[str] = (),
    *,
    before: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    forks: bool = False,
    **options: Any,
) -> subprocess.Popen:
    """Start Python on `code` at level `mode`, with `modules` first on its path.

    The command line follows the words `before`; `options` go to Popen. `forks` leaves it the right to make namespaces.
    No site processing (-S): .pth files may run code and would bring an editable sslcourse back; the path is given
    whole.
    """
    executable, path = bubblewrap.interpreter()
    inside = "/box" if mode not in NO_BOX else str(modules)
    set_path = f"import sys; sys.path[:] = {[inside, *path]!r}; {code}"
    python = [executable, "-P", "-s", "-S", "-B", "-c", set_path, *arguments]
    if mode in NO_BOX:
        return subprocess.Popen([*before, *python], pass_fds=pass_fds, **options)
    if forks:
        return subprocess.Popen([*bubblewrap.command(mode, modules, None), *python], pass_fds=pass_fds, **options)
    filter_end, filter_start = os.pipe()
    try:
        with open(filter_start, "wb") as pipe:
            pipe.write(seccomp.program() or b"")
        argv = [*before, *bubblewrap.command(mode, modules, filter_end), *python]
        return subprocess.Popen(argv, pass_fds=(*pass_fds, filter_end), **options)
    finally:
        os.close(filter_end)


def environment(home: str = "/tmp") -> dict[str, str]:
    """The whole environment inside: one thread, no GPU, nothing of the caller's."""
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM", "NUMEXPR")}
    return one_thread | {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "IPYTHONDIR": f"{home}/ipython",
        "MPLCONFIGDIR": home,
        "MPLBACKEND": "agg",
        "LANG": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONHASHSEED": "0",  # the order of sets is the same at every grading
    }


@lru_cache
def _probe() -> tuple[str | None, str]:
    """The best mode that starts, or None and the reason."""
    if not sys.platform.startswith("linux"):
        return None, "bubblewrap is Linux only; grade in a Linux machine, a container or WSL (SECURITY.md says how)."
    if shutil.which("bwrap") is None:
        install = "Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap"
        return None, f"bubblewrap is not installed ({install})."
    if seccomp.program() is None:
        known = " and ".join(seccomp.MACHINES)
        return None, f"system calls can be refused on {known} only, and this is {platform.machine()}."
    mode = "uid" if os.geteuid() == 0 else "userns"  # in a user namespace of root's, student code would be root outside
    started, reason = _starts(mode)
    if started:
        return mode, ""
    return None, f"bubblewrap does not start here ({reason}).{_advice()}"


def _starts(mode: str) -> tuple[bool, str]:
    # As the student will be: under another user id where there is one, able to find and read what the box needs.
    code = "import os\n"
    if mode == "uid":
        code += "os.setgroups([]); os.setresgid(65533, 65533, 65533); os.setresuid(65533, 65533, 65533)\n"
    code += (
        "import importlib.util as u\nfor m in ('torch', 'IPython'):"
        " open(u.find_spec(m).origin).close()\nprint('started')"
    )
    try:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started = start(mode, f"exec({code!r})", _PACKAGE / "grading", env=environment(), text=True, **pipes)
    except (OSError, NoSandbox) as error:
        return False, str(error)
    with started:
        try:
            said, complaint = started.communicate(timeout=30)
        except subprocess.TimeoutExpired as error:
            started.kill()
            return False, str(error)
    lines = complaint.strip().splitlines()
    return said.strip() == "started", lines[-1] if lines else "no message"


def _advice() -> str:
    def setting(name: str) -> str:
        try:
            return Path("/proc/sys", name).read_text().strip()
        except OSError:
            return ""

    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            " AppArmor keeps ordinary users from making user namespaces (Ubuntu 23.10 and later): install the AppArmor"
            " profile for bwrap (package apparmor-profiles, profile bwrap-userns-restrict), or grade as root."
        )
    if setting("kernel/unprivileged_userns_clone") == "0" or setting("user/max_user_namespaces") == "0":
        return " This kernel keeps ordinary users from making user namespaces: ask its administrator, or grade as root."
    return (
        " Inside a container, start it with the right to make namespaces (for Docker: --privileged), or grade"
        " outside it."
    )
