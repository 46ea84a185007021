"""LightGBM that remembers: the same rows, labels and parameters give the same trees, so they are grown once.

Most nights of a treatment train on what its control trained on, and the same nights come in several scenarios and
profiles. Only the simulator uses this, within one run; real processes train.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from reference_pipeline.training.history import write_atomically

__all__ = ["KeptFits"]


class KeptFits(ModuleType):
    """The library ``lightgbm`` with the trees that it grew in ``folder``, by a digest of all that they depend on.

    The rest of the library is as it is. A folder that can't be written or was damaged costs time and nothing else.
    """

    def __init__(self, library: ModuleType, folder: Path) -> None:
        super().__init__(library.__name__)
        self._library = library
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def Dataset(self, *arguments: Any, **options: Any) -> _Data:  # noqa: N802 - the library's name
        """What to train on; it becomes a data set of the library if that is needed."""
        return _Data(arguments, options)

    def train(self, parameters: dict[str, Any], data: _Data, rounds: int) -> Any:
        """The booster, as ``lightgbm.train`` gives it."""
        path = self._folder / data.digest(self._library, parameters, rounds)
        text = _read(path)
        if text is not None:
            return self._library.Booster(model_str=text)
        grown = self._library.train(parameters, self._library.Dataset(*data.arguments, **data.options), rounds)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            text = grown.model_to_string()
            write_atomically(path, f"{_check(text)}\n{text}")
        return grown


class _Data:
    def __init__(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.arguments = arguments
        self.options = options

    def digest(self, library: ModuleType, parameters: dict[str, Any], rounds: int) -> str:
        options = sorted(self.options.items())
        digest = hashlib.blake2b(repr((library.__version__, sorted(parameters.items()), rounds, options)).encode())
        for argument in self.arguments:
            array = np.asarray(argument)
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ravel(array).data)
        return digest.hexdigest()[:40]


def _read(path: Path) -> str | None:
    """The text, if all of it is there: over a damaged one the library would abort the process."""
    try:
        check, _, text = path.read_text().partition("\n")
    except (OSError, ValueError):
        return None
    return text if check == _check(text) else None


def _check(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
