"""The kinds of journal entries, each in one record (see ``record.Kind``) beside the payload that says what it holds.

An entry never changes. What becomes of a goal, a milestone, an action, a development item or a concern later is an ``update``;
what ends a dispute is a ``resolution``; what the rep says to a goal or a recognition is an ``agreement``. Each names the entry
it is about in ``of``.
"""

from types import MappingProxyType
from typing import Final

from reviewlib.conversation.kinds.plans import PLANS
from reviewlib.conversation.kinds.talk import TALK

#: Every kind by its name, in the order of forms and pages.
KINDS: Final = MappingProxyType({kind.name: kind for kind in (*TALK, *PLANS)})
#: What may become of each kind that is followed up.
STATUSES: Final = MappingProxyType({name: kind.statuses for name, kind in KINDS.items() if kind.statuses})
#: The statuses after which nothing comes.
ENDED: Final = frozenset({"met", "missed", "lapsed", "dropped", "done", "resolved"})
