"""``python -m reviewlib``: the command line, where its script is not on the path."""

from reviewlib.cli import main

main()
