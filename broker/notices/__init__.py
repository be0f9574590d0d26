"""Notices: what people should know, in the market and as at most one mail a day.

A notice is written in the transaction of what causes it, so it is there exactly when that is;
causes.py has a function for every cause and its words, writing.py finds out who wants to be told.
reading.py is what a person sees of the own notices, digests.py what goes into a mail and who may
send it, sending.py sends. A notice says only what everybody in its recipient's place may see, so
that no mail can break a seal: nothing in causes.py reads a bid of a round that is not decided.
"""
