"""nbformat, imported in a tenth of the time: import it from here, before anything imports it."""

import sys

__all__ = ["nbformat"]

# jsonschema looks for a grammar that takes two seconds to build and checks addresses in other
# alphabets, which no notebook's schema has. None in this place means: not installed.
GRAMMAR = "rfc3987_syntax"
if GRAMMAR in sys.modules:
    import nbformat
else:
    sys.modules[GRAMMAR] = None
    try:
        import nbformat
    finally:
        del sys.modules[GRAMMAR]
