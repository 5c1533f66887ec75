#!/usr/lib/kiosk/bin/python3 -I
"""`kiosk`, as the Debian package installs it."""

from agent.cli import main

main()
