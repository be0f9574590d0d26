"""Measurements of the engine, beside what solvers do alone. `python -m bench --help` lists them.

Start with suites.py (what is measured) and generator.py (on what); peers.py, relaxations.py,
ours.py (with ablations.py) and tamperings.py measure one thing each, always in a process of its own
(processes.py); records.py keeps the numbers, targets.py judges them, report.py writes them down.
"""
