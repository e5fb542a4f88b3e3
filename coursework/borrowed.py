"""An answer must be the student's own: of this project a file may import the base classes, and gradcheck.

The worker runs this file in a namespace of its own, as it does guard.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ANSWERS = ("coursework", "layers", "losses", "optim", "training")
BASES = frozenset({"Layer", "Loss", "Optimizer"})  # add what the tasks of yours may use


def borrowed(file: Path) -> str:
    """What the file, or one beside it that it imports, takes from where the answers are; "" for nothing."""
    seen, waiting = set[Path](), [file]
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # running it will say more
        for line, module, names in _imports(tree):
            waiting.append(path.parent / f"{module}.py")
            taken = [name for name in names if name not in BASES]
            if module.partition(".")[0] in ANSWERS and not module.endswith(".base") and taken:
                return (
                    f"{path.name}:{line}: imports {taken[0]} of {module}, where the answers are; "
                    f"write it yourself ({', '.join(sorted(BASES))} may be imported)"
                )
    return ""


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, list[str]]]:
    """Line, module, and the names taken of it; all of them is "everything"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, _used(tree, alias.asname or alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [alias.name.replace("*", "everything") for alias in node.names]
            yield node.lineno, node.module or "", names


def _used(tree: ast.AST, name: str) -> list[str]:
    """What a file takes of a module of this name: layers.Layer is Layer, the module itself everything."""
    dotted = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    ]
    within = {id(node.value) for node in dotted}
    itself = any(
        isinstance(node, ast.Name) and node.id == name and id(node) not in within for node in ast.walk(tree)
    )
    return [node.attr for node in dotted] + ["everything"] * itself
