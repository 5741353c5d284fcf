"""What can be reached from inside: kernel interfaces, sockets, files and secrets of others."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

ATTACKS = [
    Attack("kernel", "kernel", {mode: mode for mode in ("namespaces", "mounts", "keys", "calls", "terminal", "foreign-abi",
                                                        "rights")}),
    Attack("network", "network", {mode: mode for mode in ("backend", "outside", "local", "loopback")}),
    Attack("secrets", "secrets", {mode: mode for mode in ("search", "processes", "others", "files", "environment")}),
    Attack("files", "files", {mode: mode for mode in ("outside", "kernel-files", "devices", "cgroups", "descriptors")}),
    # The next task does not find anything that a task left.
    Attack("plant", "files", {"plant": "plant"}),
    Attack("look", "files", {"look": "look"}, turn=2),
]
