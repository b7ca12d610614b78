"""What every public entry of the package raises when its input cannot be used."""


class DisrecError(ValueError):
    """One clear sentence for the person at the edge.

    The sentence says what was wrong, what was expected and what to do. The command
    line prints it and leaves with exit code 2; in Python it is an ordinary ValueError.
    """


class DisrecIndexError(DisrecError, IndexError):
    """A user or item number outside its range: `except IndexError` catches it too."""
