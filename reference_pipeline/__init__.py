"""The reference pipeline: will this flight arrive more than 15 minutes late? Real parts, on the flights of 2013.

It knows nothing of chaos: every collaborator (clock, HTTP session, directories) is a constructor argument, and faults
reach it from outside, at surfaces that any pipeline has.
"""
