"""What the box asks of the kernel: a filter of system calls, and control groups of both versions."""

import ctypes

import pytest

from sslcourse.grading import cgroups, sandbox, seccomp


def test_the_filter_has_the_numbers_of_this_machines_kernel():
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("needs libseccomp")
    for column, architecture in seccomp.MACHINES.values():
        for name, numbers in (seccomp.REFUSED | {"clone": seccomp.CLONE}).items():
            assert library.seccomp_syscall_resolve_name_arch(architecture, name.encode()) == numbers[column], name


@pytest.mark.parametrize(
    ("files", "content", "seconds", "kills"),
    [
        ({"cpu.shares", "cpuacct.usage", "memory.limit_in_bytes", "pids.max", "memory.oom_control"},
         {"cpuacct.usage": "1500000000\n", "memory.oom_control": "under_oom 0\noom_kill 1\n"}, 1.5, True),
        ({"cpu.weight", "cpu.stat", "memory.max", "memory.swap.max", "pids.max", "memory.events"},
         {"cpu.stat": "usage_usec 1500000\nuser_usec 1\n", "memory.events": "oom 1\noom_kill 1\n"}, 1.5, True),
        (set(), {}, 0.0, False),
    ],
    ids=["version 1", "version 2", "none"],
)  # fmt: skip
def test_both_versions_of_control_groups_are_read_and_written(tmp_path, monkeypatch, files, content, seconds, kills):
    real = type(tmp_path).mkdir

    def mkdir(folder, **options):  # the kernel fills a new group with files
        real(folder, **options)
        for file in files:
            (folder / file).write_text("0")

    monkeypatch.setattr(cgroups, "_parents", lambda controller: [tmp_path])
    monkeypatch.setattr(type(tmp_path), "mkdir", mkdir)
    group = cgroups.Group(processes=40)
    assert group.controllers == ({"cpu", "cpuacct", "memory", "pids"} if files else set())
    for file, text in content.items():
        next(tmp_path.iterdir()).joinpath(file).write_text(text)
    group.limit_memory(2**30)
    assert group.cpu_seconds() == seconds
    assert group.ran_out_of_memory() is kills and group.ran_out_of_memory() is False
    written = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    for name, value in {"pids.max": "40", "memory.max": str(2**30), "memory.swap.max": "0"}.items():
        assert name not in files or written[name] == value
    assert bool(group.words()) is bool(files)


def test_a_processor_without_a_filter_has_no_box(monkeypatch):
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "riscv64")
    sandbox._probe.cache_clear()
    try:
        found, reason = sandbox.available()
    finally:
        sandbox._probe.cache_clear()
    assert not found and ("riscv64" in reason or "not installed" in reason or "Linux only" in reason)
