"""Results as files that leave the site: reports of a scan or a case as PDF and FHIR, lists as CSV and JSON.

`contents` gathers what a report says, in the words of `presentation`, so that each form of it says the same. The
renderers beside it read no database.
"""
