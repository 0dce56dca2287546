"""How a headline sounds: VADER with the words of finance."""

from __future__ import annotations

import re
import string
from collections.abc import Set as AbstractSet
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from catalyst.data.enrichment.figures import figures_told
from catalyst.data.enrichment.phrases import Phrases, phrases_of, tokens_of
from catalyst.data.enrichment.tables import table

#: Characters of a text that are scored. VADER takes time quadratic in the number of words.
SCORED_CHARACTERS = 2_000
_QUESTION = re.compile(r"(?<![^.!?:;])[^.!?:;]*\?+")
# Where a rating or target is changed the change is the news, not the name of the old or new rating.
_CHANGE = re.compile(
    r"\b(?:up|down)grad|\b(?:raise[sd]?|lower(?:s|ed)?|cuts?|increase[sd]?|boosts?|ups|lifts|hikes|trims"
    r"|reduces|decreases|slashes)\b.{0,80}?\b(?:pts?|price targets?|targets?)\b"
    r"|\b(?:pts?|price targets?) (?:raised|cut|lowered)\b"
)
_RATING = re.compile(
    r"\b(?:(?:market |sector |strong |conviction )?(?:out|under)performs?|(?:over|under)-?weight"
    r"|(?:strong|conviction)[ -](?:list )?(?:buy|sell)|(?:buy|sell|hold|neutral) rating"
    r"|(?:at|with) (?:a )?(?:buy|sell|hold|neutral)|positive|negative)\b",
    re.IGNORECASE,
)


def sentiment(prose: str, tokens: AbstractSet[str] | None = None) -> float:
    """Score the tone of a text.

    Parameters
    ----------
    prose
        Text without URLs, cashtags and mentions, entities undone; its first 2,000 characters count.
    tokens
        Its `catalyst.data.enrichment.phrases.tokens_of` in lower case, if they are known.

    Returns
    -------
    float
        VADER's compound in [-1, 1] (Hutto & Gilbert 2014, package vaderSentiment) with the finance
        overlay ``finance_lexicon.yaml`` merged into its lexicon: valences replaced or added, words
        that mean nothing in finance removed, phrases scored as one word, figures put into words
        (see `figures_told`). Questions don't count, nor the names of ratings where a rating or a
        price target is changed. 0.0 if no word is known.
    """
    analyzer, phrases = _analyzer()
    text = _asserted(prose[:SCORED_CHARACTERS])
    lower = text.lower()
    if ("grad" in lower or "pt" in lower or "target" in lower) and _CHANGE.search(lower):
        text = _RATING.sub(" ", text)
    text = figures_told(text)
    if not phrases.starts.isdisjoint(tokens_of(lower) if tokens is None else tokens):
        text = _joined(text, phrases)
    if not _speaks(text, analyzer):
        return 0.0
    return float(analyzer.polarity_scores(text)["compound"])


def _speaks(text: str, analyzer: SentimentIntensityAnalyzer) -> bool:
    # Without a word of the lexicon VADER's compound is exactly 0, and most of its time is saved.
    # It strips punctuation from words longer than two characters; emoji become words of their own.
    lexicon = analyzer.lexicon
    for token in text.lower().split():
        if token in lexicon or token.strip(string.punctuation) in lexicon:
            return True
    return not text.isascii() and not analyzer.emojis.keys().isdisjoint(text)


def _asserted(text: str) -> str:
    # A question asserts nothing: "Is it a buy?"
    return _QUESTION.sub(" ", text) if "?" in text else text


def _joined(text: str, phrases: Phrases) -> str:
    lower = text.lower()
    if len(lower) != len(text):
        text = lower  # a Turkish dotted I is two letters in lower case
    parts: list[str] = []
    done = 0
    for found in phrases.pattern.finditer(lower):
        start, end = found.span()
        parts += [text[done:start], found[0].replace(" ", "_")]
        done = end
    return "".join((*parts, text[done:]))


@cache
def _analyzer() -> tuple[SentimentIntensityAnalyzer, Phrases]:
    analyzer = SentimentIntensityAnalyzer()
    lexicon: dict[str, float] = analyzer.lexicon
    overlay = table("finance_lexicon")
    for word in overlay["neutral"]:
        # Removed, not zeroed: a word in the lexicon shields its neighbour from boosters.
        lexicon.pop(word, None)
    for phrase, valence in overlay["valence"].items():
        lexicon[phrase.replace(" ", "_")] = float(valence)
    listed = [phrase for phrase in overlay["valence"] if " " in phrase]
    listed += overlay["neutral_phrases"]
    # A name says nothing: Kinder Morgan is no kinder than others.
    names = [name.lower() for spoken in table("companies")["companies"].values() for name in spoken]
    toned = [name for name in names if " " in name and not lexicon.keys().isdisjoint(name.split())]
    listed += [name for name in toned if name.replace(" ", "_") not in lexicon]
    return analyzer, phrases_of(listed)
