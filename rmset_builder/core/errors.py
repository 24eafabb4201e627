"""The kinds of failure a user can meet, each a single line that says what is wrong and how to mend it."""

from __future__ import annotations

import os
import re

# How a name's bytes come that are no text in the locale; they may be text in UTF-8 all the same.
_ESCAPED = re.compile("[\udc80-\udcff]+")


def one_line(text: str) -> str:
    """``text`` without what could break the line or command the terminal: file names may hold anything.

    Example:
        >>> one_line("bad\\nline.mp4")
        'bad\ufffdline.mp4'
    """
    text = _ESCAPED.sub(lambda found: found[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace"), text)
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


class RmsetError(Exception):
    """Wrong usage or a wrong environment: nothing was done, the command ends with exit code 2.

    Args:
        message: what is wrong; names the file or option.
        remedy: what the user can do about it, ideally the exact command.
    """

    is_list = False
    """Whether its text is a list of several lines."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # An exception's own way to another process calls its class with the message, whatever else the class wants.
        return self.__class__.__new__, (self.__class__, *self.args), vars(self)


class ManyFaultsError(RmsetError):
    """Everything that is wrong with one file, a line for each fault."""

    is_list = True


class VideoError(RmsetError):
    """One video cannot be processed; the others go on and the command ends with exit code 1.

    Args:
        reason: a stable word for the ledger, such as ``no-video-stream``.
        message: what is wrong; names the file.
        remedy: what the user can do about it.
    """

    def __init__(self, reason: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason

    def __str__(self) -> str:
        return one_line(super().__str__())


def reason_of(error: OSError) -> str:
    """Why the system refused, in its own few words: libraries have longer ones in their place.

    Example:
        >>> reason_of(PermissionError(13, "Failed to open local file 'x'. Detail: [errno 13] Permission denied"))
        'Permission denied'
    """
    return os.strerror(error.errno) if error.errno else error.strerror or str(error)
