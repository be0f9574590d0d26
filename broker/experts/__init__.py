"""Experts: which persons of an expert pool work for which award on which day, and what they say.

Start with assigning.py (who is chosen) and naming.py (when); answers.py is what they say to it.
"""
