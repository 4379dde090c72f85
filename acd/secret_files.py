"""Secrets of an operator's: one line of a file that is its owner's alone, or of the environment.

They are never shown: what is wrong with one is told without it.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from acd.errors import shown

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class SecretError(Exception):
    """There is no such secret. Args: the key at fault, what was seen, what is wanted."""


def read_secret(
    name: str,
    *,
    file: str | None,
    variable: str | None,
    folder: Path,
    bytes_max: int,
    environment: Mapping[str, str] = os.environ,
) -> str:
    """Return the secret of the keys `NAME_file` and `NAME_env`, of which one must be given.

    Args:
        name: What it is, for the keys and for messages.
        file: Where it stands, if in a file: one line.
        variable: Of the environment, if it stands there.
        folder: What `file` is relative to.
        bytes_max: How long it may be.
        environment: Where `variable` is looked up.

    Raises:
        SecretError: Not one of both is given, the file cannot be read, or everybody can; or what
            stands there is no such text.
    """
    in_file, in_environment = f"{name}_file", f"{name}_env"
    if (file is None) == (variable is None):
        seen = "is missing" if file is None else f"stands beside {in_environment}"
        raise SecretError(in_file, seen, f"either {in_file} or {in_environment}")
    if file is not None:
        return _text(in_file, _read(in_file, folder / file, f"the {name}", bytes_max), bytes_max)
    assert variable is not None
    if not _VARIABLE.fullmatch(variable):
        raise SecretError(
            in_environment, f"is {shown(variable)}", "the name of an environment variable"
        )
    value = environment.get(variable)
    if value is None:
        seen = f"is {shown(variable)}, which is not set"
        raise SecretError(in_environment, seen, f"the {name} in it")
    return _text(in_environment, value.encode(errors="surrogateescape"), bytes_max)


def _read(key: str, path: Path, what: str, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(bytes_max + 2)
    except OSError as error:
        seen = f"is {shown(str(path))}, which cannot be read ({error.strerror})"
        raise SecretError(key, seen, f"a file with {what}") from None
    if mode & stat.S_IRWXO:
        seen = f"is {shown(str(path))}, which everybody may read or write"
        raise SecretError(key, seen, f"a file of its owner's (chmod 600 {path.name})")
    return data.removesuffix(b"\n").removesuffix(b"\r")


def _text(key: str, data: bytes, bytes_max: int) -> str:
    wanted = f"1 to {bytes_max} bytes of text on one line"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise SecretError(key, "holds no UTF-8", wanted) from None
    if not 0 < len(data) <= bytes_max:
        raise SecretError(key, "holds nothing" if not data else "holds too much", wanted)
    if not text.isprintable():
        raise SecretError(key, "holds control characters", wanted)
    return text
