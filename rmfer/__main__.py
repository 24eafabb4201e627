"""``python -m rmfer`` is ``rmfer``."""

from rmfer.cli import main

main()
