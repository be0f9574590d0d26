"""What the `broker` command can do, one module a subject; cli.py lists them and maps errors.

Each module imports what it needs at its top and is itself imported only when its command runs.
"""
