"""The market during the sprint: who waits for capacity, and the daily rounds that hand it out."""
