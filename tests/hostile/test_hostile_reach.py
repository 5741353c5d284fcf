"""What can be reached from inside: the kernel's doors, sockets, files and secrets of others."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

ATTACKS = [
    Attack("kernel", "kernel", {mode: mode for mode in ("namespaces", "mounts", "keys", "calls", "terminal", "foreign-abi",
                                                        "rights")}),
    Attack("network", "network", {mode: mode for mode in ("backend", "outside", "local", "loopback")}),
    Attack("secrets", "secrets", {mode: mode for mode in ("search", "processes", "others", "files", "environment")}),
    Attack("files", "files", {mode: mode for mode in ("outside", "kernel-files", "devices", "cgroups", "descriptors")}),
    # What one task leaves anywhere, the next one does not find.
    Attack("plant", "files", {"plant": "plant"}),
    Attack("look", "files", {"look": "look"}, turn=2),
]
