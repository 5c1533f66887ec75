"""The subcommands of `kiosk`, one file each; they are clients of the daemon wherever it is running."""
