"""Headlines as given, turned into text that can be matched."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

# Stands for the ellipsis of a cut text, which NFKC would turn into three ordinary full stops.
CUT = "\ufffc"
# Negative squared letters: artists write "$T🅾PPIN"; they are letters to the reader.
WORD_LETTER = r"\w\U0001F130-\U0001F189"

_ENTITY_PASSES = 3
# Zero-width and direction marks: invisible, so they must not split a word.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_URL = re.compile(rf"\bhttps?(?::\S*|{CUT})|\bwww\.\S+", re.IGNORECASE)
_RETWEET = re.compile(r"(?:\s*(?:RT|MT)\s+@\w+\s*:?\s*)+")
_MENTION = re.compile(r"(?<!\w)@\w+")
_WORD = re.compile(r"\w+(?:'\w+)*")
_CUT_WORD = re.compile(rf"\w*{CUT}")
_CLASS_SUFFIX = r"(?:\.[A-Z]{1,2}|[-/][A-Z]|[.\-/][ab])"
CASHTAG = re.compile(
    rf"(?<![${WORD_LETTER}])\$([A-Za-z]{{1,6}}(?:{_CLASS_SUFFIX})?)(?![${WORD_LETTER}])"
)


def entities_undone(text: str) -> str:
    """Turn HTML entities into the characters they stand for.

    Feeds escape twice (``&amp;#39;``), so up to three passes are made.
    """
    for _ in range(_ENTITY_PASSES):
        if "&" not in text:
            break
        undone = html.unescape(text)
        if undone == text:
            break
        text = undone
    return text


def normalised(text: str) -> str:
    """Undo entities, apply NFKC, fold case, collapse spaces: the form that identities are made of."""
    text = unicodedata.normalize("NFKC", entities_undone(text)).casefold()
    return " ".join(text.split())


@lru_cache(maxsize=1 << 14)
def plain(headline: str) -> str:
    """Give the headline as a reader sees it, on one line and without addresses.

    Entities undone, NFKC, invisible characters and URLs removed, typographic apostrophes made
    plain, spaces collapsed. An ellipsis character, which marks a cut text, becomes `CUT`. Case,
    cashtags, mentions and the retweet prefix stay.
    """
    text = entities_undone(headline).replace("\u2026", CUT)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
        text = _INVISIBLE.sub("", text)
    return " ".join(_URL.sub(" ", text).split())


def prose(plain_text: str) -> str:
    """Remove retweet prefix, cashtags, mentions and the mark of a cut from plain text.

    What is left are words: ``$IPO`` is a fund and ``$LOVE`` a ticker, ``@joy`` a name, and none of
    them says anything about the news.
    """
    text = _RETWEET.sub("", plain_text, count=1) if plain_text.startswith(("RT", "MT")) else plain_text
    if "$" in text:
        text = CASHTAG.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    return " ".join(text.replace(CUT, " ").split())


@lru_cache(maxsize=1 << 14)
def word_set(headline: str) -> frozenset[str]:
    """Give the lower-case words of a headline for comparing stories.

    URLs, retweet prefix, cashtags and the fragment of a word before a cut are removed first.

    Returns
    -------
    frozenset of str
        Words are runs of letters, digits and underscores, apostrophes inside kept; empty for a
        headline of links and cashtags only.
    """
    text = plain(headline)
    if text.startswith(("RT", "MT")):
        text = _RETWEET.sub("", text, count=1)
    text = CASHTAG.sub(" ", text)
    if CUT in text:
        text = _CUT_WORD.sub(" ", text)
    return frozenset(_WORD.findall(text.casefold()))
