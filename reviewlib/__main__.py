"""``python -m reviewlib``: the command line, where its script is not on the path."""

from reviewlib.cli.app import main

main()
