"""The market for programs, under /api/v1: the same services as the pages, as JSON.

Who asks is told by a bearer token and by nothing else (callers.py). Every call that changes
something carries a key, and is answered once under it (commands.py). Lists have cursors
(lists.py), errors are problem documents (problems.py), bodies are read strictly (bodies.py).
routes.py makes the blueprint; start there.
"""
