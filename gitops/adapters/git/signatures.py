"""Whether commits are signed, and by whom: SSH signatures, checked by Git against a list of allowed signers."""

import tempfile
from collections.abc import Sequence

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.ledger_commits import contents

# What `%G?` says of a signature (git-log); for SSH only these occur.
_PROBLEMS = {
    "U": "is signed with a key that is not in the list, or was not at that time",
    "B": "has a bad signature",
    "X": "is signed with a key that had expired",
    "N": "is not signed",
}


def present(git: GitCommand, commits: Sequence[str]) -> list[bool]:
    """Whether each commit carries a signature, good or not. One Git process for all."""
    return [b"\ngpgsig" in content.partition(b"\n\n")[0] for content in contents(git, commits)]


def check(git: GitCommand, commits: Sequence[str], allowed: bytes) -> list[tuple[str, str]]:
    """For each commit who signed it (as listed in `allowed`), and what is wrong with that ("": nothing).

    `allowed` is in the format of ssh-keygen(1), ALLOWED SIGNERS. Two ssh-keygen processes a commit: 10 to 20 ms.
    """
    with tempfile.NamedTemporaryFile(prefix="gitops-signers-") as file:
        file.write(allowed)
        file.flush()
        configured = ["-c", f"gpg.ssh.allowedSignersFile={file.name}", "-c", "log.showSignature=false"]
        options = ["--no-walk=unsorted", "--stdin", "-z", "--format=%G?%n%GS"]
        output = git.text(*configured, "log", *options, stdin="\n".join(commits).encode())
    told = [entry.partition("\n") for entry in output.strip("\0").split("\0")] if commits else []
    return [
        (who.strip(), "" if state == "G" else _PROBLEMS.get(state, "has a signature that cannot be checked"))
        for state, _, who in told
    ]
