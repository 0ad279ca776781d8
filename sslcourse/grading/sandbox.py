"""The box that student code runs in: bubblewrap with nothing of this machine but Python and its libraries, read-only.

Three levels. `uid`: called as root, the student's process gets a user id of its own, so that it can neither signal the
process that started it nor fork without limit. `userns`: called as an ordinary user, in a user namespace. `unsafe`: no
box at all, only resource limits; never chosen, only asked for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from sslcourse.exercises import BOX_FILES

_PACKAGE = Path(__file__).resolve().parent.parent
MASKED = ("sslcourse", "lightly")  # in site-packages these would hold the answers
SCRATCH = 64 * 2**20  # bytes that may be written, in files

# What of this package goes into the box. A list of what is allowed, not of what is secret: a new file stays outside.
INCLUDED = ("__init__.py", *BOX_FILES, *(f"grading/{name}.py" for name in ("__init__", "box", "student", "wire")))
NOTEBOOK_STANDIN = "grading/box_notebook.py"  # becomes sslcourse/notebook/__init__.py

_LIMITS = "limits on time, memory, processes and file size"
SENTENCES = {
    "uid": f"bubblewrap: no network, no files but Python's libraries, a user id of its own, {_LIMITS}",
    "userns": f"bubblewrap in a user namespace: no network, no files but Python's libraries, {_LIMITS}",
    "unsafe": "NOT SANDBOXED (--unsafe): student code ran with the grader's own rights, "
    "under limits on time and memory only",
}


class NoSandbox(RuntimeError):
    """There is no box on this machine; the message says why and what to do."""


def level(unsafe: bool = False) -> str:
    """The best level this machine offers, "uid" or "userns"; with `unsafe`, "unsafe": no box. Raises NoSandbox."""
    if unsafe:
        return "unsafe"
    mode, reason = _probe()
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


def command(mode: str, code: str, modules: Path, arguments: Sequence[str] = ()) -> list[str]:
    """The command line that runs `code` at level `mode`, with `modules` first on its path.

    No site processing (-S): .pth files may run code and would bring an editable sslcourse back; the path is given
    whole.
    """
    executable, path = _interpreter()
    inside = "/box" if mode != "unsafe" else str(modules)
    start = f"import sys; sys.path[:] = {[inside, *path]!r}; {code}"
    python = [executable, "-I", "-S", "-B", "-c", start, *arguments]
    return python if mode == "unsafe" else [*_bubblewrap(mode, modules), *python]


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
        "SSLCOURSE_BOX": "1",
    }


def _bubblewrap(mode: str, modules: Path) -> list[str]:
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandbox("bubblewrap is not installed.")
    options = _options()
    argv = [program, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    argv += ["--die-with-parent", "--new-session", "--hostname", "box", "--cap-drop", "ALL"]
    if mode == "uid":  # what the server needs to put the student under another user id, and to end it
        argv += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_KILL"]
    else:
        argv += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
        argv += ["--disable-userns"] if "--disable-userns" in options else []
    argv += ["--ro-bind", "/usr", "/usr"]
    for name in ("lib", "lib32", "lib64", "bin", "sbin"):
        if os.path.islink(f"/{name}"):
            argv += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            argv += ["--ro-bind", f"/{name}", f"/{name}"]
    argv += ["--dir", "/etc"]
    for optional in ("/etc/ld.so.cache", "/etc/alternatives", "/nix/store"):
        argv += ["--ro-bind-try", optional, optional]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    bounded = ["--perms", "1777", "--size", str(SCRATCH)] if {"--size", "--perms"} <= options else []
    argv += [*bounded, "--tmpfs", "/dev/shm", "--remount-ro", "/dev", *bounded, "--tmpfs", "/tmp"]
    bound = _bound_directories()
    for directory in bound:
        for above in reversed(Path(directory).parents[:-1]):
            argv += ["--dir", str(above)]  # bubblewrap would make it for its owner alone
        argv += ["--ro-bind", directory, directory]
    for hidden in _hidden(bound):
        argv += ["--tmpfs", hidden]
    return [*argv, "--ro-bind", str(modules), "/box", "--remount-ro", "/", "--chdir", "/tmp"]


def _checkout() -> Path | None:
    """Where this package is used in place, the folder in which solutions and tests lie beside it."""
    return _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").exists() else None


@lru_cache
def _interpreter() -> tuple[str, tuple[str, ...]]:
    # Asked of a fresh interpreter: this one's path has been changed by whoever called.
    question = "import sys, json; print(json.dumps([sys._base_executable or sys.executable, sys.path]))"
    answer = subprocess.run([sys.executable, "-I", "-c", question], capture_output=True, text=True, check=True)
    executable, path = json.loads(answer.stdout)
    return os.path.realpath(executable), tuple(entry for entry in path if entry and Path(entry) != _checkout())


@lru_cache
def _bound_directories() -> tuple[str, ...]:
    executable, path = _interpreter()
    base = sys.base_prefix
    wanted = {entry for entry in (base, *path) if os.path.exists(entry)} | {os.path.dirname(executable)}
    visible = ["/usr", *(f"/{name}" for name in ("lib", "lib64", "bin"))]
    kept: list[str] = []
    for entry in sorted(wanted, key=len):  # a directory before what lies in it
        if not any(entry == above or entry.startswith(above + "/") for above in [*visible, *kept]):
            kept.append(entry)
    if "/" in kept:
        raise NoSandbox("Python's prefix is /, which would put every file into the box.")
    return tuple(kept)


def _hidden(bound: Sequence[str]) -> list[str]:
    """Directories inside the bound ones that hold answers: installed copies, and this checkout where it lies in one."""
    hidden = [os.path.join(entry, name) for entry in _interpreter()[1] for name in MASKED]
    hidden += [str(path) for path in (_checkout(), _PACKAGE) if path is not None]
    above = [*bound, "/usr"]
    # Not a directory that itself holds something bound, such as an environment inside the checkout: its siblings are
    # not bound.
    return [
        path
        for path in dict.fromkeys(hidden)
        if os.path.isdir(path)
        and any(path.startswith(entry + "/") for entry in above)
        and not any(entry.startswith(path + "/") for entry in bound)
    ]


@lru_cache
def _options() -> frozenset[str]:
    shown = subprocess.run([shutil.which("bwrap") or "bwrap", "--help"], capture_output=True, text=True, check=False)
    return frozenset(word for word in (shown.stdout + shown.stderr).split() if word.startswith("--"))


@lru_cache
def _probe() -> tuple[str | None, str]:
    """The best mode that starts, or None and the reason."""
    if not sys.platform.startswith("linux"):
        return None, "bubblewrap is Linux only; grade in a Linux machine, a container or WSL."
    if shutil.which("bwrap") is None:
        install = "Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap"
        return None, f"bubblewrap is not installed ({install})."
    reason = ""
    for mode in ("uid", "userns") if os.geteuid() == 0 else ("userns",):
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
        argv = command(mode, f"exec({code!r})", Path(__file__).resolve().parent)
        run = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=environment(), check=False)
    except (OSError, subprocess.SubprocessError, NoSandbox) as error:
        return False, str(error)
    lines = (run.stderr or "no message").strip().splitlines()
    return run.stdout.strip() == "started", lines[-1] if lines else "no message"


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
