"""The student's version of an assignment: what stands between the marked lines is taken out."""

from __future__ import annotations

import ast
import io
import re
import shutil
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .files import files_in

BEGIN, END = "# --- solution", "# --- end of solution"
MARK = re.compile(r"#[\s#=-]*(end\b.{0,8})?solutions?\b[\s:=-]*$", re.IGNORECASE)  # or what was meant as one
IN_BYTES = re.compile(rb"#\s*---\s*(end of )?solution\b", re.IGNORECASE)


class StripError(ValueError):
    """Why there is no student's version, in one line."""


class Solution(NamedTuple):
    """The lines of both markers, counted from 1, and the function that they stand in."""

    begin: int
    end: int
    function: str


class Counts(NamedTuple):
    files: int
    solutions: int


def strip(source: Path, target: Path) -> Counts:
    """Write the folder `source` without its solutions to `target`, or nothing.   Raises: StripError."""
    _refuse_folders(source, target)
    written, solutions = dict[Path, bytes](), dict[Path, list[bytes]]()
    for path in files_in(source):
        content = (source / path).read_bytes()
        if path.suffix == ".py":
            content, solutions[path] = strip_file(content, str(path))
        elif found := IN_BYTES.search(content):
            line = content.count(b"\n", 0, found.start()) + 1
            raise StripError(
                f"{path}:{line}: expected marked solutions in .py files alone; take the markers out"
            )
        written[path] = content
    count = sum(map(len, solutions.values()))
    if not count:
        raise StripError(f"{source}: expected {BEGIN!r} in a .py file, found none; mark the solutions")
    _refuse_copies(written, solutions)
    for path, content in written.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
        shutil.copymode(source / path, target / path)
    return Counts(len(written), count)


def strip_file(content: bytes, name: str) -> tuple[bytes, list[bytes]]:
    """A Python file without its solutions, and what these were.   Raises: StripError naming file and line."""
    tree, encoding = _parsed(content, name)
    lines = content.splitlines(keepends=True)
    solutions, kept, done = list[bytes](), list[bytes](), 0
    for begin, end, function in find(tree, content, name):
        inside = lines[begin : end - 1]
        first = next(line for line in inside if line.strip() and not line.lstrip().startswith(b"#"))
        indent = first[: len(first) - len(first.lstrip())]
        marker = lines[end - 1]
        newline = marker[len(marker.rstrip(b"\r\n")) :]
        error = f'raise NotImplementedError("{Path(name).name}: {function}: your code here")'
        todo = [b"# TODO: your code in place of the next line", error.encode(encoding, "backslashreplace")]
        kept += [*lines[done : begin - 1], indent, todo[0], newline or b"\n", indent, todo[1], newline]
        done = end
        solutions.append(b"".join(inside))
    stripped = b"".join(kept + lines[done:])
    if _markers(stripped, name):
        raise StripError(f"{name}: expected no marker to be left; this is a bug of ours, report it")
    _parsed(stripped, name, " without its solutions")
    return stripped, solutions


def find(tree: ast.Module, content: bytes, name: str) -> list[Solution]:
    """The marked solutions, in order.   Raises: StripError."""
    found, begin = list[Solution](), 0
    for line, text in _markers(content, name):
        if text not in (BEGIN, END):
            raise StripError(f"{name}:{line}: expected {BEGIN!r} or {END!r} alone on a line, got {text!r}")
        if text == BEGIN and begin:
            raise StripError(
                f"{name}:{line}: expected {END!r} before the next {BEGIN!r}; the last one is in line {begin}"
            )
        if text == END and not begin:
            raise StripError(f"{name}:{line}: expected {BEGIN!r} before {END!r}")
        if text == BEGIN:
            begin = line
        else:
            found.append(Solution(begin, line, _function(tree, begin, line, name)))
            begin = 0
    if begin:
        raise StripError(f"{name}:{begin}: expected {END!r} after {BEGIN!r}, found none")
    return found


def _markers(content: bytes, name: str) -> list[tuple[int, str]]:
    """Line and text of every comment that is a marker, or nearly one."""
    try:
        lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")  # as Python reads them
        tokens = list(tokenize.tokenize(io.BytesIO(lines).readline))
    except (SyntaxError, tokenize.TokenError) as error:
        raise StripError(f"{name}: expected Python, got {error}") from error
    marks = [token for token in tokens if token.type == tokenize.COMMENT and MARK.match(token.string)]
    return [
        (token.start[0], token.string if token.line[: token.start[1]].strip() == "" else token.line.strip())
        for token in marks
    ]


def _function(tree: ast.Module, begin: int, end: int, name: str) -> str:
    """The qualified name of the function whose statements stand between two lines."""
    homes = set(_homes(tree, begin, end))
    if not homes:
        raise StripError(f"{name}:{begin}: expected a solution after {BEGIN!r}, found no statement")
    if len(homes) > 1 or "" in homes or any(_is_cut(node, begin, end) for node in ast.walk(tree)):
        raise StripError(
            f"{name}:{begin}: expected whole statements of one function up to line {end}; "
            "put both markers into its body"
        )
    return homes.pop()


def _homes(node: ast.AST, begin: int, end: int, path: str = "", function: str = "") -> Iterator[str]:
    """Where the outermost statements between two lines stand: the function's name, or "" outside of one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt) and begin < child.lineno < end:
            yield function
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _homes(child, begin, end, f"{path}{child.name}.", f"{path}{child.name}")
        elif isinstance(child, ast.ClassDef):
            yield from _homes(child, begin, end, f"{path}{child.name}.")
        else:
            yield from _homes(child, begin, end, path, function)


def _is_cut(node: ast.AST, begin: int, end: int) -> bool:
    """Whether a marker stands within a statement, and not between statements of its body."""
    if not isinstance(node, ast.stmt):
        return False
    last = node.end_lineno or node.lineno
    simple = not hasattr(node, "body") and not hasattr(node, "cases")
    return begin < node.lineno < end < last or (simple and node.lineno < begin < last)


def _parsed(content: bytes, name: str, how: str = "") -> tuple[ast.Module, str]:
    """The tree and the encoding of a file that Python takes.   Raises: StripError."""
    try:
        compile(content, name, "exec", dont_inherit=True)  # more than a tree: return outside of a function
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return ast.parse(content, name), encoding.removesuffix("-sig")
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise StripError(f"{name}{line}: expected Python{how}, got {said}") from error


def _refuse_folders(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise StripError(f"expected a folder to strip, got {source}, which is none; check the path")
    if target.exists() and not target.is_dir():
        raise StripError(f"expected an empty or new folder, got {target}, which is a file; name another")
    if target.resolve().is_relative_to(source.resolve()):
        raise StripError(f"expected a folder outside of {source}, got {target}; name another")
    if target.exists() and any(target.iterdir()):
        raise StripError(f"expected an empty or new folder, got {target}, which has files; name another")


def _refuse_copies(written: dict[Path, bytes], solutions: dict[Path, list[bytes]]) -> None:
    """No file may hold all lines of a solution, as one does that is a copy without markers."""
    texts = {path: _text(content) for path, content in written.items()}
    for home, blocks in solutions.items():
        for block in filter(_tells, map(_text, blocks)):
            for path, text in texts.items():
                if block in text:
                    raise StripError(f"{path}: holds a solution of {home} without markers; take it out")


def _text(content: bytes) -> bytes:
    """The lines without indentation and empty ones."""
    return b"\n".join([b"", *filter(None, map(bytes.strip, content.splitlines())), b""])


def _tells(block: bytes) -> bool:
    """A line such as `return y` may stand anywhere."""
    return block.count(b"\n") > 3
