"""What people do with cases: notes and labels, renaming, moving scans, the trash and what leaves it for good.

Each function makes one change, with its audit row, and raises CaseRefused if it may not.
"""
