"""Reading and sign-off: what people find in a scan, beside what the model says of it.

`transitions` makes every change of a review, `opinions` says what an opinion may be, and `consensus` which reading of a
scan holds.
"""
