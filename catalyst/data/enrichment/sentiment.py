"""How a headline sounds: VADER with the words of finance."""

from __future__ import annotations

import re
import string
from functools import cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from catalyst.data.enrichment.figures import figures_told
from catalyst.data.enrichment.phrases import phrase_pattern
from catalyst.data.enrichment.tables import table

#: Characters of a text that are scored. VADER takes time quadratic in the number of words.
SCORED_CHARACTERS = 2_000
_QUESTION = re.compile(r"(?<![^.!?:;])[^.!?:;]*\?+")
# Where a rating or target is changed the change is the news, not the name of the old or new rating.
_CHANGE = re.compile(
    r"\b(?:up|down)grad|\b(?:raise[sd]?|lower(?:s|ed)?|cuts?|increase[sd]?|boosts?|ups|lifts|hikes|trims"
    r"|reduces|decreases|slashes)\b.{0,80}?\b(?:pts?|price targets?|targets?)\b"
    r"|\b(?:pts?|price targets?) (?:raised|cut|lowered)\b",
    re.IGNORECASE,
)
_RATING = re.compile(
    r"\b(?:(?:market |sector |strong |conviction )?(?:out|under)performs?|(?:over|under)-?weight"
    r"|(?:strong|conviction)[ -](?:list )?(?:buy|sell)|(?:buy|sell|hold|neutral) rating"
    r"|(?:at|with) (?:a )?(?:buy|sell|hold|neutral)|positive|negative)\b",
    re.IGNORECASE,
)


def sentiment(prose: str) -> float:
    """Score the tone of a text.

    Parameters
    ----------
    prose
        Text without URLs, cashtags and mentions, entities undone; its first 2,000 characters count.

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
    if _CHANGE.search(text):
        text = _RATING.sub(" ", text)
    text = phrases.sub(lambda found: found[0].lower().replace(" ", "_"), figures_told(text))
    if not _speaks(text, analyzer):
        return 0.0
    return float(analyzer.polarity_scores(text)["compound"])


def _asserted(text: str) -> str:
    # A question asserts nothing: "Is it a buy?"
    return _QUESTION.sub(" ", text) if "?" in text else text


def _speaks(text: str, analyzer: SentimentIntensityAnalyzer) -> bool:
    # Without a word of the lexicon VADER's compound is exactly 0, and most of its time is saved.
    # It strips punctuation from words longer than two characters; emoji become words of their own.
    lexicon = analyzer.lexicon
    for token in text.lower().split():
        if token in lexicon or token.strip(string.punctuation) in lexicon:
            return True
    return not text.isascii() and not analyzer.emojis.keys().isdisjoint(text)


@cache
def _analyzer() -> tuple[SentimentIntensityAnalyzer, re.Pattern[str]]:
    analyzer = SentimentIntensityAnalyzer()
    overlay = table("finance_lexicon")
    for word in overlay["neutral"]:
        # Removed, not zeroed: a word in the lexicon shields its neighbour from boosters.
        analyzer.lexicon.pop(word, None)
    for phrase, valence in overlay["valence"].items():
        analyzer.lexicon[phrase.replace(" ", "_")] = float(valence)
    phrases = [phrase for phrase in overlay["valence"] if " " in phrase]
    phrases += overlay["neutral_phrases"]
    # A name says nothing: Kinder Morgan is no kinder than others.
    names = [name.lower() for spoken in table("companies")["companies"].values() for name in spoken]
    toned = [n for n in names if " " in n and not analyzer.lexicon.keys().isdisjoint(n.split())]
    phrases += [name for name in toned if name.replace(" ", "_") not in analyzer.lexicon]
    return analyzer, phrase_pattern(phrases, flags=re.IGNORECASE)
