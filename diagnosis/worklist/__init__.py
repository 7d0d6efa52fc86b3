"""The worklist: which scans a person asked for, in which order, how many there are, and what is done with several."""
