"""The command line: one file per command group; the folder is the registry."""
