"""The pictures of docs/tour.md: a site is started and filled with simulated samples, and its pages are photographed.

    make tour

`stage` fills the site, `scenes` lists what is shown and how to get there, `camera` takes the pictures and keeps them
small. The command rewrites docs/tour/, and fails if a scene cannot be reached.
"""
