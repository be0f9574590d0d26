"""The portfolio, stage by stage. Only modules in here import OR-Tools."""
