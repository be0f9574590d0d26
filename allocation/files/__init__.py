"""What stands in the files of rounds and outcomes; folders.py and results.py are the way in."""
