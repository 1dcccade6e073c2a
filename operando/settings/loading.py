"""TOML files to settings, checked once at the door; complaints say which key, and what was found."""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from operando.errors import ConfigurationError
from operando.settings.library import LibrarySettings
from operando.settings.profile import Profile
from operando.settings.tiff_stack import TiffStackSettings

__all__ = ["load_library_settings", "load_profile", "load_tiff_stack"]

_MOST_BYTES = 2**20
_Model = TypeVar("_Model", bound=BaseModel)


def load_profile(path: Path) -> Profile:
    """Return the profile in a TOML file.

    Raises
    ------
    ConfigurationError
        The file is missing, is not TOML, or has a key or value that is not allowed.
    """
    return _load(path, Profile)


def load_library_settings(path: Path) -> LibrarySettings:
    """Return the contents of a `library.toml`.

    Raises
    ------
    ConfigurationError
        The file is missing, is not TOML, or has a key or value that is not allowed.
    """
    return _load(path, LibrarySettings)


def load_tiff_stack(path: Path) -> TiffStackSettings:
    """Return the settings beside a stack of TIFF images.

    Raises
    ------
    ConfigurationError
        The file is missing, is not TOML, or has a key or value that is not allowed.
    """
    return _load(path, TiffStackSettings)


def _load(path: Path, model: type[_Model]) -> _Model:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            msg = f"{path} has more than {_MOST_BYTES} bytes; give the path of a TOML file of settings"
            raise ConfigurationError(msg)
        content = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}; give the path of a TOML file"
        raise ConfigurationError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path} is not TOML: {error}"
        raise ConfigurationError(msg) from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_swapped(content, model) or _sentence(error)}") from error


def _swapped(content: Mapping[str, object], model: type[BaseModel]) -> str:
    """Return what to do with a library given as a profile, or a profile given as a library; else nothing."""
    if model is Profile and "phase" in content:
        return (
            "this is a library of references: give it as --references, or name it in a profile as 'library'"
        )
    if model is LibrarySettings and "library" in content:
        return "this is a profile: give it as --profile; a library of references has [[phase]]"
    return ""


def _sentence(error: ValidationError) -> str:
    """Return the first complaints of pydantic in one line."""
    parts: list[str] = []
    for problem in error.errors(include_url=False)[:4]:
        where = ".".join(str(step) for step in problem["loc"])
        if problem["type"] == "extra_forbidden":
            parts.append(f"'{where}' is not a known key; check its spelling")
        else:
            parts.append(f"'{where}': {problem['msg'].lower()}, found {reprlib.repr(problem['input'])}"[:200])
    return "; ".join(parts)
