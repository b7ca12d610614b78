"""For `make links`: whether a DOI exists is asked of the register, not the publisher.

Publishers answer programs with "forbidden", so that a good link would look broken.
"""

from sphinx.application import Sphinx

RESOLVER = "https://doi.org/"


def ask_the_register(app: Sphinx, uri: str) -> str | None:
    """The address to look at instead, if it is another one."""
    doi = uri.removeprefix(RESOLVER)
    return None if doi == uri else f"{RESOLVER}api/handles/{doi}"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("linkcheck-process-uri", ask_the_register)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
