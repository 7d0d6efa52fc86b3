"""Static files are stored compressed and under hashed names, which style sheets and scripts refer to."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

_MODULE_IMPORT = (
    r"""(?P<matched>\b(?P<keyword>from|import) "(?P<url>\.{1,2}/[^"]+)";)""",
    '%(keyword)s "%(url)s";',
)
"""An import of a module by its relative path, as the formatter writes it, and what it becomes."""


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # ships no types
    """WhiteNoise's storage, which also replaces the names in the imports of our own scripts.

    An unhashed import would load, but a browser may keep that file in its cache beyond a release. Django's option for
    all scripts (`support_js_module_import_aggregation`) fails on those of other packages, some of which name modules
    that they do not ship.
    """

    patterns = (*CompressedManifestStaticFilesStorage.patterns, ("js/*.js", (_MODULE_IMPORT,)))
