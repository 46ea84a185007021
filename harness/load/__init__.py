"""Users as real load: Locust sends planned requests open-loop, and what hostile users send besides.

Locust lives in a process of its own (it replaces Python's sockets by gevent's), which the harness drives over pipes;
or in as many processes on as many machines as wanted, in Locust's own distributed mode.
"""
