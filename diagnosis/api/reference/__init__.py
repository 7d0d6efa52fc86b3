"""The API's reference, as `/api/docs/` shows it: the OpenAPI schema sorted into what a reader of the page looks for.

`contents()` is the whole of it. The schema stays the only source: nothing about an address is written here.
"""

from diagnosis.api.reference.contents import Answer, Group, Object, Operation, Reference, contents

__all__ = ["Answer", "Group", "Object", "Operation", "Reference", "contents"]
