"""The site's DICOM neighbors: what scanners and archives send here, what is fetched from an archive, what goes back.

Whatever arrives goes through `intake.receive`, which de-identifies it before anything is stored. Until then it lies in
unnamed temporary files; no value of it is logged.
"""
