"""Disk space and inodes: the limits of a task, and that its files are deleted with it."""

from checks import test_bystanders_do_not_notice, test_everything_is_as_before, test_verdict  # noqa: F401
from hostile import Attack

OPTIONS = ["--disk", "32M", "--inodes", 5000, "--memory", "256M"]

BYTES = "The limit of 32 MB for all files was reached"
FILES = "The limit of 5000 files was reached"
PLACES = ["/box/src", "/box/home", "/tmp", "/dev/shm"]


def kept(name, words, details):
    """If the disk is full, pytest cannot write its report either: the reported events are kept."""
    return Attack(name, "disk", {"fill": words}, verdict="error", details=f"report.*{details}.*No space left",
                  failing={"test_after": "No space left"})


ATTACKS = [
    Attack("and-back", "disk", {f"{kind}-{place}": f"{kind} {place}" for kind in ("fill", "files") for place in PLACES},
           details=f"^({BYTES})?(; )?({FILES})?$"),  # a disk that is full only for a moment may go unnoticed
    Attack("odd-trees", "disk", {f"{kind}-{place}": f"{kind} {place}" for kind in ("deep", "sparse", "locked")
                                 for place in ("/box/home/more", "/tmp/more", "/dev/shm/more")}),
    Attack("locked-src", "disk", {"locked": "locked /box/src"}),
    Attack("locked-home", "disk", {"locked": "locked /box/home"}, verdict="error",
           details="wrote no report.*Permission denied"),
    kept("fill-src", "fill /box/src keep", BYTES),
    kept("fill-tmp", "fill /tmp keep", BYTES),
    kept("files-src", "files /box/src keep", FILES),
    kept("hidden", "hidden /box/src", BYTES),
]
