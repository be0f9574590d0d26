"""Who may say yes: decision rights as data, and the approvals that teams ask for under them.

An approval is for a team, a pool, a purpose and a period, never for a bid. The matrix of decision
rights is a document (matrices.py) in versions that two persons put in force (versions.py). A lead
asks (requests.py), the clock hands what nobody answers to the next one (steps.py) and never decides
anything, a person decides (decisions.py), and a round reads what holds for it (standings.py).
Start at matrices.py; the screens read dashboards/approvals.py.
"""
