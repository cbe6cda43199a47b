"""What the doctor says of an installation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """Something that must always hold does not (spec/RELIABILITY 3.2)."""

    code: str  # "I3"
    what: str  # one sentence
    subject: str  # which row, or which object of which storage
    hint: str = ""  # what to do


@dataclass(frozen=True)
class Unknown:
    """Something that could not be looked at, so that silence about it proves nothing."""

    what: str
    subject: str


Remark = Violation | Unknown
