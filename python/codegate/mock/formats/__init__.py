"""The wire formats the mock speaks: each module here that has a `FORMAT` is one."""

import importlib
import pkgutil

from codegate.mock.formats.base import Format


def load_formats() -> tuple[Format, ...]:
    """Every format of this package, in the order of the module names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(module.FORMAT for module in modules if hasattr(module, "FORMAT"))
