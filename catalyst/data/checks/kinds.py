"""The kinds of findings and what each means; the command's help and docs/checks.md list them."""

from __future__ import annotations

BAR_KINDS = {
    "missing_session": "a symbol has no bars in sessions of the exchange within its life",
    "source_outage": "a source has no bars of most of its symbols for a session or a part of it",
    "missing_bars": "bars are missing inside a session, by the symbol's own habit",
    "truncated_session": "a symbol's session starts late or ends early",
    "ends_early": "a symbol ends before the others of its source: delisted, or not fetched",
    "starts_late": "a symbol begins after the others of its source: listed later, or not fetched",
    "coarse_bars": "bars lie on a coarser grid than their timeframe's",
    "end_stamps": "times name the ends of bars, not their starts",
    "shifted_time": "a session's volume lies hours off the exchange's hours: a wrong time zone",
    "shifted_day": "daily bars are dated one session off",
    "duplicate_bar": "the same bar with the same values is stored again, known later",
    "repeated_session": "a session equals another one of the same symbol in every value",
    "shared_bars": "two symbols have equal bars",
    "stuck_feed": "bars repeat the same values, or one price, for too long",
    "split_unrecorded": "raw prices jump by a split's ratio and no action says so",
    "split_unadjusted": "prices called adjusted jump by a split's ratio",
    "split_adjusted_twice": "prices before a split were divided once too often",
    "split_adjusted_raw": "prices called raw don't move at a split: they are adjusted",
    "split_date": "prices move by a split's ratio on another day than the recorded one",
    "split_mismatch": "prices move at a split, but by another ratio",
    "sources_split": "two sources differ by one factor up to a date, and not after it",
    "level_break": "prices jump for good on an ordinary day, by no split's ratio",
    "scale_error": "prices of a session, a run of bars or a field are off by 10, 100, 1000 or more",
    "bad_print": "a high or low leaves both neighbours by far more than is usual",
    "tiny_price": "prices below a cent",
    "rounded_prices": "prices are rounded to 0.10 or whole dollars",
    "zero_volume": "bars without volume",
    "placeholder_volume": "most bars have one and the same volume",
    "volume_scale": "volume is off by a large factor for some sessions, on calm days",
    "volume_shift": "volume changes its size for good: another feed under the same name",
    "thin_feed": "one source has a fraction of the other's volume: IEX beside SIP",
    "daily_disagrees": "daily bars differ from what finer bars add up to",
    "sources_disagree": "two sources of a symbol differ in price",
    "reused_ticker": "a symbol names one company first and another later",
}
NEWS_KINDS = {
    "news_outage": "a provider is silent on days on which it usually isn't",
    "news_gap": "a provider is silent for hours within days",
    "retweet_flood": "a story is passed on many times in a short time",
    "copy_flood": "the same text comes many times in a short time, not as retweets",
    "repeating_author": "an account repeats its own texts, or writes much of a symbol's news",
    "mislinked": "articles are filed under a symbol that they don't speak of",
    "impersonator": "a source's name looks like an outlet's and isn't one of its own",
    "stale_news": "old stories passed on, or published long before they became known",
    "republished": "the same words of the same source come days later as new",
    "date_only": "times of publication are whole days, or whole hours",
    "shifted_news": "a provider's day is moved against the others' or New York's: a wrong zone",
}
QUARANTINE_KINDS = {
    "conflicting_rows": "rows with the key of a stored one and other values are in quarantine",
    "quarantined_rows": "rows that break a rule are in quarantine",
}
KINDS = BAR_KINDS | NEWS_KINDS | QUARANTINE_KINDS
