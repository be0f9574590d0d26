"""The market: rules, storage, rounds and runs. It knows no Flask. Start with tables.py."""
