"""Results as files that leave the site: reports of a scan or a case as PDF and FHIR, lists as CSV and JSON.

`contents` collects what a report says, in the words of `presentation`, so that all its forms agree. The renderers
beside it read no database.
"""
