"""Options from a file: TOML by hand, or the config.json of a run that is to be repeated."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .arguments import Parser
from .errors import UsageError
from .text import did_you_mean, printable, quoted

NOT_IN_A_FILE = ("config", "resume", "help", "debug")
OF_ONE_RUN = ("run", "resume", "config")  # of a run that was; the next one has its own


@dataclass(frozen=True)
class Written:
    """The options in a file, and which of them somebody chose."""

    values: Mapping[str, Any]
    given: frozenset[str]


def read_config(path: str, parser: Parser) -> Written:
    """The options in a file, each read as it would be when typed.

        target = "price"
        hidden = [128, 64]      # or "128,64"
        batchnorm = true

    Raises: UsageError that names file and line for a file that is no TOML or JSON, for a key that is no
    option, and for a value that the option cannot take.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"--config {printable(path)}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--config {printable(path)}: is no UTF-8 text, byte {error.start}") from error
    return _of_run(path, text, parser) if path.endswith(".json") else _of_toml(path, text, parser)


def _of_toml(path: str, text: str, parser: Parser) -> Written:
    import tomllib

    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError, for numbers and nests without end
        line = re.search(r"at line (\d+)", str(error))
        place = f"{printable(path)}:{line[1] if line else text.count(chr(10)) + 1}"
        raise UsageError(f"{place}: no TOML: {str(error).partition(' (at')[0]}; write name = value") from None
    values: dict[str, Any] = {}
    for key, value in table.items():
        place = f"{printable(path)}:{_line_of(key, text)}, key {quoted(key)}"
        values |= _option(place, key.replace("-", "_"), value, parser)
    return Written(values, frozenset(values))


def _of_run(path: str, text: str, parser: Parser) -> Written:
    """All that the run used, defaults included: what was a default counts as none that was chosen."""
    try:
        stored = json.loads(text)
        options, origin = dict(stored["options"]), dict(stored["origin"])
    except json.JSONDecodeError as error:
        raise UsageError(f"{printable(path)}:{error.lineno}: no JSON: {error.msg}") from None
    except (KeyError, TypeError, ValueError, RecursionError):
        raise UsageError(
            f"{printable(path)}: expected the config.json of a run, got other JSON; write a .toml"
        ) from None
    options = {name: value for name, value in options.items() if name not in OF_ONE_RUN}
    values = options_of_run(f"{printable(path)}: options", options, parser)
    return Written(values, frozenset(name for name in values if origin.get(name) != "default"))


def options_of_run(place: str, stored: Mapping[str, Any], parser: Parser) -> dict[str, Any]:
    """Options as a run wrote them down, each checked as when typed.   Raises: UsageError."""
    values: dict[str, Any] = {}
    for key, value in stored.items():
        if value is not None:
            read = _option(f"{place}, key {quoted(key)}", key, value, parser)
            values |= {name: _as_it_was(value, one) for name, one in read.items()}
    return values


def _as_it_was(value: Any, read: Any) -> Any:
    """What was written, where reading it as typed would strip names, or add the usual words for missing."""
    lists = isinstance(value, list) and isinstance(read, tuple) and read
    return tuple(value) if lists and all(isinstance(one, str) for one in (*value, *read)) else read


def _option(place: str, name: str, value: Any, parser: Parser) -> dict[str, Any]:
    """One option as the parser reads it."""
    known = {action.dest: action for action in parser._actions}
    if name not in known or name in NOT_IN_A_FILE:
        raise UsageError(f"{place}: no such option{did_you_mean(name, known) or '; see --help'}")
    action = known[name]
    if action.nargs == 0:  # on or off
        if not isinstance(value, bool):
            raise UsageError(f"{place}: expected true or false, got {_shown(value)}")
        return {name: value} if value else {}
    words = _words(value)
    if words is None:
        raise UsageError(f"{place}: expected a text, a number or a list of them, got {_shown(value)}")
    flag = next((flag for flag in action.option_strings if flag.startswith("--")), None)
    try:
        return parser.read([f"{flag}={words}"] if flag else ["--", words])
    except UsageError as error:
        raise UsageError(f"{place}: {str(error).partition(': ')[2]}") from None


def _words(value: Any) -> str | None:
    """The value as it would be typed; None for what cannot be."""
    if isinstance(value, list):
        parts = [_words(one) for one in value if not isinstance(one, list)]
        if len(parts) < len(value) or None in parts:
            return None
        return ",".join(_one_word(str(part)) for part in parts)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value)


def _one_word(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"' if "," in name or '"' in name else name


def _shown(value: Any) -> str:
    return "a table" if isinstance(value, dict) else quoted(json.dumps(value, default=str))


def _line_of(key: str, text: str) -> int:
    """The line where a key stands, counted from 1."""
    pattern = re.compile(rf"""^\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, start=1) if pattern.match(line)), 1)
