"""The allocation engine: a pure package. A problem goes in, a checked outcome comes out.

It knows no database, no web, no clock and no environment. Start with problem.py and outcome.py;
MODEL.md has the mathematics.
"""
