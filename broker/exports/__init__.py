"""What leaves the market as files: tables of a round, and bundles that prove a run.

rows.py writes tables as CSV and JSON, archives.py packs files so that equal content is equal bytes,
bundles.py gathers what proves a run, rounds.py answers `broker export`. verify_bundle.py belongs to
nobody here: it is carried inside every bundle, and shares no code with anything.
"""
