"""`python -m exporter.demo.leash PARENT SIGNAL USER COMMAND...`: become COMMAND, and get SIGNAL when PARENT dies.

So that nothing of the demo outlives it, not even after its own `kill -9`. USER is `-` or a user's name to run as. Where
the system has no such leash (it is Linux's) the command simply runs.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1


def become(name: str) -> None:
    """Give up root for good and go where this user can look around."""
    user = pwd.getpwnam(name)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = user.pw_dir
    os.chdir("/")


def main() -> None:
    parent, signal, user, *command = sys.argv[1:]
    if user != "-":
        become(user)
    if sys.platform == "linux":
        # After become(): the kernel drops the leash when credentials change. It outlives exec().
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal))
        if os.getppid() != int(parent):
            sys.exit("the demo ended before this could start")
    os.execvp(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
