"""Backup and restore of a whole site: database, files and the keys that its pseudonyms follow from.

    manifest    what is in a backup; written last, so that an incomplete backup is none
    keys        the secrets, and how a restore puts them in place before the settings are read
    database    a snapshot by SQLite's backup API or pg_dump, and the way back
    files       the files that the snapshot names, each with its digest
    making, restoring    the two commands

A backup is a folder. It is taken while the site runs: first the database, then the files that this snapshot names.
"""
