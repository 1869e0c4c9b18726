"""Everything the mock can do wrong on purpose, by name."""

from codegate.mock.faults.delivery import FAULTS as _DELIVERY
from codegate.mock.faults.encodings import FAULTS as _ENCODINGS
from codegate.mock.faults.history import FAULTS as _HISTORY
from codegate.mock.faults.statuses import FAULTS as _STATUSES
from codegate.mock.faults.streams import FAULTS as _STREAMS
from codegate.mock.faults.table import Fault, Scripted, UnknownFaultError, read_script

FAULTS: tuple[Fault, ...] = _STATUSES + _HISTORY + _STREAMS + _DELIVERY + _ENCODINGS

__all__ = ["FAULTS", "Fault", "Scripted", "UnknownFaultError", "read_script"]
