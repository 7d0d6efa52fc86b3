"""De-identification: which parts of an uploaded file may be stored. Nothing here reads or writes the database.

DICOM PS3.15 Annex E's Basic Profile lists what to remove. We invert it, and copy only what is needed to show and
measure the image, each value checked for its form (see `tags`).
"""
