"""Headlines as given, turned into text that can be matched."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

# Stands for the ellipsis of a cut text, which NFKC would turn into three ordinary full stops.
CUT = "\ufffc"
# With the negative squared letters: to the reader of "$T\U0001f17ePPIN" they are letters.
WORD_LETTER = r"\w\U0001F130-\U0001F189"

_ENTITY_PASSES = 3
_ENDLESS = re.compile(r"&#(?:[0-9]{9,}|[xX][0-9a-fA-F]{9,});?")
# Zero-width and direction marks: invisible, so they must not split a word.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_URL = re.compile(rf"\bhttps?(?::\S*|{CUT})|\bwww\.\S+", re.IGNORECASE)
_RETWEET = re.compile(r"(?:\s*(?:RT|MT)\s+@\w+\s*:?\s*)+")
_MENTION = re.compile(r"(?<!\w)@\w+")
_WORD = re.compile(r"\w+(?:'\w+)*")
_CUT_WORD = re.compile(rf"\w*{CUT}")
_CLASS_SUFFIX = r"(?:\.[A-Z]{1,2}|[-/][A-Z]|[.\-/][ab])"
# In stylised words a sign stands for a letter: "W€$T", "STYL!$T", "B3@$T", "S#$T". A hash
# sign that stands alone ("#$AMZN") is a habit of people who hold the stock.
CASHTAG = re.compile(
    rf"(?<![$€£¥¢§@!{WORD_LETTER}])(?<!\S#)\$([A-Za-z]{{1,6}}(?:{_CLASS_SUFFIX})?)"
    rf"(?![$€£¥¢§{WORD_LETTER}])"
)


def entities_undone(text: str) -> str:
    """Turn HTML entities into the characters they stand for.

    Feeds escape twice (``&amp;#39;``), so up to three passes are made.
    """
    for _ in range(_ENTITY_PASSES):
        if "&" not in text:
            break
        # Python refuses to read numbers of thousands of digits; no character has such a number.
        undone = html.unescape(_ENDLESS.sub("\ufffd", text) if "&#" in text else text)
        if undone == text:
            break
        text = undone
    return text


def normalised(text: str) -> str:
    """Give the form that identities are made of.

    Entities undone, NFKC, case folded, spaces collapsed.
    """
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
    lower = text.lower()
    if "http" in lower or "www." in lower:
        text = _URL.sub(" ", text)
    return " ".join(text.split())


def prose(plain_text: str) -> str:
    """Remove retweet prefix, cashtags, mentions and the mark of a cut from plain text.

    What is left are words: ``$IPO`` is a fund and ``$LOVE`` a ticker, ``@joy`` a name, and none of
    them says anything about the news.
    """
    text = plain_text
    if text.startswith(("RT", "MT")):
        text = _RETWEET.sub("", text, count=1)
    if "$" in text:
        text = CASHTAG.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    if CUT in text:
        text = text.replace(CUT, " ")
    return text if text is plain_text else " ".join(text.split())


def word_set(headline: str) -> frozenset[str]:
    """Give the lower-case words of a headline for comparing stories.

    URLs, retweet prefix, cashtags and the fragment of a word before a cut are removed first.

    Returns
    -------
    frozenset of str
        Words are runs of letters, digits and underscores, apostrophes inside kept; empty for a
        headline of links and cashtags only.
    """
    return words_of(plain(headline))


def words_of(plain_text: str) -> frozenset[str]:
    """Give the words of text that is plain already; see `word_set`."""
    text = plain_text
    if text.startswith(("RT", "MT")):
        text = _RETWEET.sub("", text, count=1)
    if "$" in text:
        text = CASHTAG.sub(" ", text)
    if CUT in text:
        text = _CUT_WORD.sub(" ", text)
    return frozenset(_WORD.findall(text.casefold()))
