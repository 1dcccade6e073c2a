"""No code of this project can make a program out of data: read from its syntax, not by searching text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("operando", "plans/operando_plans", "simulator/operando_sim")

MODULES = frozenset(
    {
        *("pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"),
        *("yaml", "msgpack_numpy", "code", "codeop", "runpy", "imp"),
    }
)
"""Those that turn bytes or text into objects of any kind, or into code."""
CALLS = frozenset({"eval", "exec", "compile", "__import__"})
ATTRIBUTES = frozenset(
    {
        *("__reduce__", "__reduce_ex__", "__setstate__", "__globals__", "__subclasses__", "__code__"),
        *("recv_pyobj", "send_pyobj", "read_pickle", "to_pickle"),
    }
)
SHELLS = frozenset({"system", "popen", "execv", "execve", "spawnl", "spawnv"})
OBJECTS = frozenset({"O", "|O", "object", "object_", "O8"})

ALLOWED = {"operando/io/frozen.py": ["an array of objects"]}
"""There the objects are new ones without content, made where a file says no more than that there was one."""


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def complaints(code: str) -> Iterator[str]:
    """Yield what in a source could make a program out of data."""
    for node in ast.walk(ast.parse(code)):
        yield from _of_imports(node)
        yield from _of_names(node)
        yield from _of_arguments(node)


def _of_imports(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (name.name for name in names if name.name.split(".")[0] in MODULES)
        case ast.ImportFrom(module=str(module), names=names):
            yield from ([module] if module.split(".")[0] in MODULES else ())
            yield from (name.name for name in names if name.name in MODULES | ATTRIBUTES | SHELLS)
        case _:
            pass


def _of_names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            yield name
        case ast.Attribute(attr=name) | ast.FunctionDef(name=name) if name in ATTRIBUTES:
            yield name
        case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in SHELLS:
            yield f"os.{name}"
        case _:
            pass


def _of_arguments(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="np" | "numpy"))):
            pickles = [keyword.value for keyword in node.keywords if keyword.arg == "allow_pickle"]
            if not pickles or not _is_false(pickles[0]):
                yield "np.load without allow_pickle=False"
        case ast.keyword(arg="allow_pickle", value=value) if not _is_false(value):
            yield "allow_pickle"
        case ast.keyword(arg="shell", value=value) if not _is_false(value):
            yield "a shell"
        case ast.keyword(arg="dtype", value=value) if _is_object(value):
            yield "an array of objects"
        case ast.Call(func=ast.Attribute(attr="astype" | "dtype"), args=[first, *_]) if _is_object(first):
            yield "an array of objects"
        case _:
            pass


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _is_object(value: ast.expr) -> bool:
    match value:
        case ast.Name(id="object") | ast.Attribute(attr="object_"):
            return True
        case ast.Constant(value=str(text)):
            return text in OBJECTS
        case _:
            return False


def test_there_is_something_to_read() -> None:
    assert len(sources()) > 100


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_turns_data_into_a_program(path: Path) -> None:
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), [])
    assert list(complaints(path.read_text(encoding="utf-8"))) == allowed


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from pickle import loads", "import yaml", "from yaml import load",
        "import marshal as m",
        "eval(text)", "exec(text)", "compile(text, '', 'exec')", "__import__(name)", "import shelve",
        "np.load(path)", "np.load(path, allow_pickle=True)", "numpy.load(path, allow_pickle=flag)",
        "f(allow_pickle=True)", "socket.recv_pyobj()", "os.system(text)", "run(text, shell=True)",
        "class A:\n def __reduce__(self): ...", "x.__reduce__()", "np.array(x, dtype=object)",
        "np.empty(3, dtype='O')", "x.astype(object)", "np.dtype('O')", "pd.read_pickle(path)",
    ],
)  # fmt: skip
def test_each_of_these_would_be_found(code: str) -> None:
    assert list(complaints(code))


def test_what_is_allowed_is_not_complained_of() -> None:
    assert list(complaints("np.load(path, allow_pickle=False); re.compile(text); x.astype(float)")) == []
