"""The exception tree. A caller's mistake is an exception; numerical failure is a status."""


class MMDiscoverError(Exception):
    """Root of every error that mmdiscover raises on purpose."""


class InputError(MMDiscoverError, ValueError):
    """What came is not what was expected: the message names both."""


class CapacityError(InputError):
    """A problem larger than the memory of this machine."""


class SchemeFileError(InputError):
    """A file that is not a scheme file, or holds a malformed scheme."""


class DatabaseError(MMDiscoverError):
    """The results database cannot be used: the message says why and what to do."""


class DatabaseUnavailable(DatabaseError):  # noqa: N818 - what is wrong is the moment
    """The results database cannot be used now, but perhaps later: locked, no space, the server is gone or busy.

    Nothing of the transaction was stored, unless the connection broke while it was committed: then all of it may be.
    """


class ExportError(MMDiscoverError):
    """Code that failed the check against its own scheme: it is not handed out."""
