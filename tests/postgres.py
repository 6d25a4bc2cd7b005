"""A private PostgreSQL server for tests: `python tests/postgres.py start FOLDER` prints its address, `stop` ends it.

`find` tells whether there is one to start. Needs the standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

# Nothing is worth keeping, so nothing waits for the disk. TCP only: the path of a socket may have 107 bytes at most.
_OPTIONS = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "shared_buffers=32MB",
    "timezone=Asia/Kathmandu",  # whose times are not taken for UTC by accident
)


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL on this machine."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin"):
        folders += sorted(Path("/").glob(pattern), key=lambda path: (len(str(path)), str(path)), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists() and (folder / "initdb").exists()), None)


def start(folder: Path, port: int | None = None) -> str:
    """Start a server that keeps its data below `folder`, made by an earlier call or new; returns its URL."""
    bin_folder = binaries()
    if bin_folder is None:
        raise FileNotFoundError("no PostgreSQL on this machine")
    data, password, ports = folder / "data", folder / "password", folder / "port"
    folder.mkdir(mode=0o700, exist_ok=True)
    if not data.exists():
        password.write_text(secrets.token_hex(8))
        # It refuses to run as root.
        for path in (folder, password):
            _give(path)
        access = ("--auth=scram-sha-256", "--username=tester", f"--pwfile={password}")
        _run(bin_folder / "initdb", f"--pgdata={data}", "--encoding=UTF8", "--no-locale", "--no-sync", *access)
    if port is None:
        port = int(ports.read_text()) if ports.exists() else free_port()
    ports.write_text(str(port))
    options = " ".join(f"-c {option}" for option in (*_OPTIONS, f"port={port}"))
    _run(bin_folder / "pg_ctl", "start", "--wait", f"--pgdata={data}", f"--log={folder}/log", f"--options={options}")
    return f"postgresql+psycopg://tester:{password.read_text()}@127.0.0.1:{port}/postgres"


def stop(folder: Path) -> None:
    """End the server of `folder`, with all its connections."""
    bin_folder = binaries()
    assert bin_folder is not None
    _run(bin_folder / "pg_ctl", "stop", "--wait", "--mode=fast", f"--pgdata={folder / 'data'}")


def _run(*command: Any) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        # Not a pipe: the server would hold it open.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        cwd="/",
        **_unprivileged(),
    )
    if done.returncode:
        log = Path(str(command[-2]).removeprefix("--log="))
        details = log.read_text()[-2000:] if log.is_file() else ""
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}\n{details}")


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = _user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _give(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, _user().pw_uid, _user().pw_gid)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(action: str, *folder: str) -> None:
    """Do what is asked for on the command line."""
    if action == "find":
        found = binaries()
        if found is None:
            sys.exit("no PostgreSQL on this machine")
        print(found)
    elif action == "start":
        print(start(Path(*folder)))
    elif action == "stop":
        stop(Path(*folder))
    else:
        sys.exit(f"{action}, expected find, start FOLDER or stop FOLDER")


if __name__ == "__main__":
    main(*sys.argv[1:])
