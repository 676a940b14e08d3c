"""Whether an answer is the rep's: its sender is held against the reps table, the name that signs against the rep's name.

Anybody can write any sender into a mail. So what fits is said to be sent from the address in the reps table, and no more.
"""

import email.errors
import email.parser
import email.policy
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reviewlib.errors import ResponseError
from reviewlib.files import normalized

#: Why an answer is not known to be the rep's, as entries hold it, and in words.
DOUBTS: Final[Mapping[str, str]] = {
    "other_sender": "came from an address that is not the rep’s in the reps table",
    "no_sender": "came as a file, which names no sender",
    "no_address": "no address of the rep is known",
    "other_form": "the form is another one’s",
    "other_name": "signed with another name than the rep’s",
}
_FITS: Final = "address"
#: The source of an entry: the sha256 of the file, and what was found about its sender; older entries have the sha256 alone.
SOURCE: Final = re.compile(rf"[0-9a-f]{{64}}(?: (?:{_FITS}|(?:{'|'.join(DOUBTS)})(?:\+(?:{'|'.join(DOUBTS)}))*))?")
#: The fields of a mail that name who sent it, and who sent it on.
_SENDING: Final = ("From", "Sender", "Resent-From", "Resent-Sender")
#: A longer field names nobody clearly, nor do more fields.
_FIELD_CHARACTERS: Final = 1_000
_FIELDS: Final = 20
# Letters that are written in more than one way where a keyboard has no accents.
_WRITTEN_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"})
_WITHOUT_STROKE: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d"})


@dataclass(frozen=True)
class Sender:
    """Who sent an answer, beside what the reps table has.

    Attributes:
        addresses: Everybody whom the mail names as having sent it; empty for a file.
        address: The rep's address in the reps table; None where there is none.
        name: The rep's name; None for a team, and where the table has no names.
        rep: How messages name the rep or the team.
        other_form: How the form begins, where it says that it is another one's.
    """

    addresses: tuple[str, ...]
    address: str | None
    name: str | None
    rep: str
    other_form: str = ""

    def doubts(self, signed: str | None = None) -> tuple[str, ...]:
        """Say what does not fit, as keys of ``DOUBTS``; ``signed`` is the name of a signature, where there is one."""
        form = ("other_form",) if self.other_form else ()
        other_name = signed is not None and self.name is not None and not same_name(signed, self.name)
        return (*self._doubt(), *form, *(("other_name",) if other_name else ()))

    def _doubt(self) -> tuple[str, ...]:
        if not self.addresses:
            return ("no_sender",)
        if self.address is None:
            return ("no_address",)
        return () if {_plain(one) for one in self.addresses} == {_plain(self.address)} else ("other_sender",)

    def __str__(self) -> str:
        sent = f"Sent from {' and '.join(shown(one) for one in self.addresses)}"
        match self._doubt():
            case ("no_sender",):
                return "It came as a file, which names no sender; what is recorded is marked as not verified."
            case ("no_address",):
                return f"{sent}. No address of {self.rep} is known; what is recorded is marked as not verified."
            case ("other_sender",):
                return f"{sent}. That is not the address of {self.rep} in the reps table, {shown(str(self.address))}."
        return f"{sent}, the address of {self.rep} in the reps table."

    def refusal(self, signed: str | None, *, where: str) -> ResponseError | None:
        """Make the error for what is recorded only where somebody says so; None where nothing is of that kind."""
        told = {
            "other_sender": ("sender", str(self), "to send it from that address"),
            "other_form": ("form", f"It begins: {_line(self.other_form)}", "to fill in the form of this review"),
            "other_name": ("signature", f"It is signed “{_line(signed)}”.", "to sign with the name on the page"),
        }
        asked = [words for doubt, words in told.items() if doubt in self.doubts(signed)]
        if not asked:
            return None
        by, found, do = zip(*asked, strict=True)
        return ResponseError(
            f"By its {' and '.join(by)} this answer is not from {self.rep}; nothing was recorded.",
            where=where,
            found=" ".join(found),
            do=f"Ask the rep {' and '.join(do)}; of a mail that was forwarded, import the rep’s own. "
            "If the reps table is wrong, correct it there and run reviewlib freeze. "
            "To record it all the same, marked as not verified, import it with --unverified; in the notebook tick the box.",
        )


def _line(text: str | None) -> str:
    return "".join(char for char in " ".join((text or "").split()) if char.isprintable())[:80]


def source_of(sha256: str, doubts: tuple[str, ...]) -> str:
    """Write the source of an entry."""
    return f"{sha256} {'+'.join(doubts) or _FITS}"


def sha256_of(source: str | None) -> str:
    """Read the sha256 of the file out of the source of an entry; empty where it has none."""
    return (source or "").partition(" ")[0]


def fits(source: str | None) -> bool:
    """Whether an entry came from the rep's address, and nothing else spoke against it."""
    return (source or "").partition(" ")[2] == _FITS


def not_verified(source: str) -> str:
    """Say that an imported entry is not known to be the rep's, and why; empty where its sender fits."""
    if fits(source):
        return ""
    doubts = [DOUBTS[one] for one in source.partition(" ")[2].split("+") if one]
    return f"not verified: {', '.join(doubts) or 'recorded before senders were looked at'}"


def of_mail(content: bytes) -> tuple[str, ...]:
    """Everybody whom a mail names as having sent it; nobody where it has no From."""
    head = email.parser.HeaderParser(policy=email.policy.compat32).parsestr(content.decode("utf-8", "replace"))
    values = [str(value) for field in _SENDING for value in head.get_all(field, [])]
    named = [one for value in values[:_FIELDS] for one in _addresses(value)]
    return tuple(dict.fromkeys(named)) if head["From"] else ()


def _addresses(value: str) -> list[str]:
    """The addresses in a field; the whole of it where programs would not all read the same ones."""
    text = " ".join(value.split())
    if len(text) > _FIELD_CHARACTERS:
        return [f"{text[:_FIELD_CHARACTERS]} …"]
    try:
        header = email.policy.default.header_factory("From", text)
        wrong = any(isinstance(defect, email.errors.InvalidHeaderDefect) for defect in header.defects)
        if not wrong and not any(group.display_name for group in header.groups):
            return [address.addr_spec for address in header.addresses]
    except (email.errors.MessageError, LookupError, AttributeError, TypeError, ValueError, RecursionError):
        pass  # the library stumbles over some of what is no address
    return [text] if text else []


def same_name(typed: str, name: str) -> bool:
    """Whether two names are the same but for case, accents, blanks, punctuation and order."""
    return bool(_spellings(typed) & _spellings(name))


def _spellings(name: str) -> set[tuple[str, ...]]:
    plain = normalized(name, "NFKC").casefold()
    spelt = (normalized(plain.translate(way), "NFKD") for way in (_WITHOUT_STROKE, _WRITTEN_OUT))
    bare = ("".join(char for char in one if unicodedata.category(char) not in ("Mn", "Cf")) for one in spelt)
    return {tuple(sorted(re.findall(r"\w+", one))) for one in bare}


def _plain(address: str) -> str:
    """Fold case among plain letters only: some letters of other alphabets have a plain one as their lower case."""
    text = address.strip()
    return text.lower() if text.isascii() else text


def shown(text: str) -> str:
    """Show a text so that letters which only look like others are told from them."""
    plain = " ".join(text.split())[:200]
    return plain if plain.isascii() and plain.isprintable() else plain.encode("ascii", "backslashreplace").decode()
