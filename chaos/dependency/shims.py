"""Source text of packages that stand before a real library on the import path and break or bend it.

Each works both as a package found through ``PYTHONPATH`` and when its ``__init__.py`` is executed on its own (by
``importlib.util.spec_from_file_location``), next to the real library in the same process, which it leaves as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

_BROKEN = '''\
"""{library}, a release that does not fit its environment."""

raise ImportError({message!r}, name={library!r})
'''

_REAL = '''\
"""{library}, another release."""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_LIBRARY = {library!r}


def _load_real():
    shim = sys.modules.get(_LIBRARY)
    here = os.path.abspath(__file__)
    if shim is not None and os.path.abspath(getattr(shim, "__file__", None) or "") != here:
        return shim  # the real one is loaded already
    overlay = os.path.dirname(os.path.dirname(here))
    path = [entry for entry in sys.path if os.path.abspath(entry or os.getcwd()) != overlay]
    spec = PathFinder.find_spec(_LIBRARY, path)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("No module named " + repr(_LIBRARY), name=_LIBRARY)
    real = module_from_spec(spec)
    sys.modules[_LIBRARY] = real  # its own submodules import it by name
    try:
        spec.loader.exec_module(real)
    except BaseException:
        sys.modules.pop(_LIBRARY, None)
        raise
    finally:
        if shim is not None:
            sys.modules[_LIBRARY] = shim
    return real


_real = _load_real()
globals().update({{k: v for k, v in vars(_real).items() if not k.startswith("__")}})
__path__ = list(getattr(_real, "__path__", []))
__version__ = getattr(_real, "__version__", "unknown")
__all__ = list(getattr(_real, "__all__", [k for k in vars(_real) if not k.startswith("_")]))
'''

_MISSING_ATTRIBUTE = """
globals().pop({subject!r}, None)
__all__ = [k for k in __all__ if k != {subject!r}]
"""

_RAW_SCORES = '''

class Booster(_real.Booster):
    """Predicts raw scores (log-odds) unless told otherwise."""

    def predict(self, data, *args, **kwargs):
        if len(args) < 3:
            kwargs.setdefault("raw_score", True)
        return super().predict(data, *args, **kwargs)


def train(*args, **kwargs):
    booster = _real.train(*args, **kwargs)
    booster.__class__ = Booster
    return booster
'''

_IGNORED_PARAMETER = """

def train(params, *args, **kwargs):
    params = {{k: v for k, v in dict(params).items() if k != {subject!r}}}
    return _real.train(params, *args, **kwargs)
"""

#: What can be bent in any library, and in some only.
BEHAVIOURS: Mapping[str, tuple[str, ...] | None] = {
    "missing_attribute": None,
    "raw_scores": ("lightgbm",),
    "ignored_parameter": ("lightgbm",),
}
#: Behaviours that need to be told which attribute or parameter.
NEED_SUBJECT = ("missing_attribute", "ignored_parameter")

_BODIES = {
    "missing_attribute": _MISSING_ATTRIBUTE,
    "raw_scores": _RAW_SCORES,
    "ignored_parameter": _IGNORED_PARAMETER,
}


def broken(library: str, message: str) -> dict[str, str]:
    """{path: text} of a package that cannot be imported.

    >>> list(broken("lightgbm", "undefined symbol: omp_get_num_procs"))
    ['lightgbm/__init__.py']
    """
    return {_path(library): _BROKEN.format(library=library, message=message)}


def bent(library: str, behaviour: str, subject: str | None) -> dict[str, str]:
    """{path: text} of a package that re-exports the real one with one behaviour changed."""
    body = _BODIES[behaviour].format(subject=subject)
    return {_path(library): _REAL.format(library=library) + body}


def _path(library: str) -> str:
    return f"{library}/__init__.py"
