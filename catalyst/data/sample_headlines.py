"""The wording of the synthetic sample's news: templates and word lists, nothing else.

Real-sounding sentences about invented companies. A catalyst's templates name its category in words
a keyword table knows and take a side in words a sentiment lexicon knows; chatter takes sides too,
about nothing. ``{co}`` is the company, ``{other}`` another one, ``{q}`` a quarter, ``{n}``,
``{pct}`` and ``{px}`` are numbers, ``{drug}`` is a drug, ``{firm}`` a broker.
"""

from __future__ import annotations

# kind -> direction -> templates
CATALYSTS: dict[str, dict[int, tuple[str, ...]]] = {
    "earnings": {
        1: (
            "{co} beats Q{q} earnings estimates on strong demand, raises full-year outlook",
            "{co} Q{q} earnings top expectations as profit surges {pct}%, shares gain",
            "{co} posts record Q{q} profit, earnings beat estimates by {n} cents",
            "{co} earnings: Q{q} EPS beats consensus, strong growth in margins",
        ),
        0: (
            "{co} reports Q{q} earnings, revenue of ${n} million",
            "{co} to discuss Q{q} earnings on call with analysts, EPS ${px}",
        ),
        -1: (
            "{co} misses Q{q} earnings estimates on weak demand, cuts full-year outlook",
            "{co} Q{q} earnings fall short of expectations, swings to loss, shares drop",
            "{co} posts surprise Q{q} loss, earnings miss estimates by {n} cents",
            "{co} earnings: Q{q} EPS misses consensus, warns of worse losses ahead",
        ),
    },
    "fda": {
        1: (
            "{co} wins FDA approval for {drug}, clearing way for strong launch",
            "FDA approval granted to {co} for {drug} after successful trial",
            "{co} says {drug} met goal in phase {q} trial with great success, plans FDA filing",
        ),
        0: (
            "FDA sets date for advisory panel on {drug} from {co}",
            "{co} submits application for {drug} to the FDA",
        ),
        -1: (
            "FDA rejects {drug} from {co}, citing serious safety problems",
            "{co} halts {drug} trial after patient deaths, FDA imposes clinical hold",
            "{co} says {drug} failed in phase {q} trial, FDA filing abandoned",
        ),
    },
    "merger": {
        1: (
            "{co} agrees to be acquired by {other} at {pct}% premium, board welcomes merger",
            "{co} to benefit from merger with {other}, sees strong gains and savings",
            "{co} acquisition of {other} wins antitrust approval, clearing way for growth",
        ),
        0: (
            "{co} in talks on merger with {other}, people familiar say",
            "{co} holds talks on acquisition of a unit of {other}, sources say",
        ),
        -1: (
            "{co} merger with {other} collapses, deal terminated amid bitter dispute",
            "{co} acquisition of {other} blocked by regulators, deal fails",
            "{other} abandons bid to acquire {co}, takeover talks fail badly",
        ),
    },
    "analyst": {
        1: (
            "{firm} upgrades {co} to Buy, price target raised to ${px}",
            "{co} upgrade: {firm} sees strong upside, lifts rating to Outperform",
        ),
        0: ("{firm} initiates {co} at Hold with price target of ${px}",),
        -1: (
            "{firm} downgrades {co} to Sell, price target cut to ${px}",
            "{co} downgrade: {firm} warns of weak demand, cuts rating to Underperform",
        ),
    },
    "guidance": {
        1: ("{co} raises guidance for Q{q} on strong orders, sees better margins",),
        0: ("{co} confirms guidance for Q{q}",),
        -1: ("{co} cuts guidance for Q{q}, warns of weak orders and worse margins",),
    },
    "product": {
        1: ("{co} product launch draws strong reviews, {n}-unit order impresses",),
        0: ("{co} unveils new product line at industry event",),
        -1: ("{co} recalls product over fire hazard after {n} injuries",),
    },
    "partnership": {
        1: ("{co} announces partnership with {other}, hopes for strong growth",),
        0: ("{co} and {other} announce partnership on distribution",),
        -1: ("{co} loses partnership with {other}, a bad setback",),
    },
    "legal": {
        1: ("{co} wins lawsuit against {other}, court dismisses claims",),
        0: ("{co} and {other} to appear in court over patent case",),
        -1: ("{co} faces fraud lawsuit, regulators open investigation",),
    },
    "insider": {
        1: ("Insider buying at {co}: director buys {n},000 shares, showing strong confidence",),
        0: ("{co} director files insider trading plan covering {n},000 shares",),
        -1: ("Insider selling at {co}: chief executive dumps {n},000 shares amid worries",),
    },
    "dividend": {
        1: ("{co} raises quarterly dividend {pct}%, adds strong buyback",),
        0: ("{co} declares quarterly dividend of ${px} a share",),
        -1: ("{co} cuts dividend {pct}% as losses worsen",),
    },
}

FIRMS = ("Ardmoor", "Belcastle", "Carrow & Lunt", "Denholm", "Eastbrook", "Farrant", "Gildersleeve")
DRUG_HEADS = ("Vel", "Zor", "Qua", "Myn", "Tal", "Ory", "Lux", "Bre")
DRUG_TAILS = ("tinib", "mabra", "cept", "parin", "glutid", "statol", "vireo", "zumab")

# A copy of a lead story keeps its words and adds a few, so that it falls into the lead's cluster.
COPY_FORMS = ("UPDATE: {}", "{} - report", "Just in: {}", "{} today")

# Commentary of the wires: about yesterday, or about nothing; {did} follows the last session's move.
COMMENTARY = (
    "Why {co} stock {did} on {day}",
    "{co} shares {did}: what investors should know",
    "A closer look at {co} after shares {did}",
    "{co}: {n} charts that explain the valuation",
    "{co} to present at {month} industry conference",
    "Here's what options traders think of {co} after stock {did}",
    "{co} shares {did} with the {sector} sector on {day}",
    "Is {co} stock a value trap or a bargain at ${px}?",
)
ROSE, FELL = ("rose", "climbed", "gained ground"), ("fell", "slipped", "lost ground")
MONTHS = ("January", "March", "May", "June", "September", "November")

LISTS = (
    "{n} stocks moving in {day}'s pre-market session",
    "{n} biggest movers from {day}",
    "Stocks that hit 52-week highs on {day}",
    "Mid-day update: {n} names on the move {day}",
)

OPENERS = (
    "watching",
    "still holding",
    "adding to",
    "trimming",
    "out of",
    "in on",
    "eyes on",
    "nibbling at",
    "stopped out of",
    "waiting on",
    "charting",
    "looking at",
    "not touching",
    "swing idea",
    "day trade",
    "long",
    "short",
    "puts on",
    "calls on",
    "back in",
    "scaling out of",
    "loving",
    "hating",
    "tired of",
)
MIDDLES = (
    "nice base forming above {px}",
    "volume drying up near {px}",
    "looks weak under {px}",
    "strong close would help",
    "could squeeze to {px}",
    "ugly candle on the hourly",
    "bulls in control over {px}",
    "bears winning below {px}",
    "this is a good setup",
    "terrible price action",
    "support at {px}",
    "resistance at {px}",
    "great risk reward here",
    "risk of a drop to {px}",
    "breakout above {px}",
    "losing the 20 day",
    "reclaimed the 50 day",
    "inside day",
    "gap fill at {px}",
    "nothing to do until {px}",
    "the trend is fine",
    "weekly chart is a mess",
    "relative strength improving",
    "RSI near {n}",
)
TAILS = (
    "let's see",
    "patience",
    "no rush",
    "small size",
    "tight stop",
    "my target {px}",
    "good luck all",
    "worried about the tape",
    "market is a joke",
    "happy with this one",
    "chart in the morning",
    "not advice",
    "flow looks bullish",
    "flow looks bearish",
    "into the close",
    "next week maybe",
    "great quarter coming",
    "awful guidance risk",
    "anyone else?",
    "more later",
    "{n} percent from here",
    "with {n} contracts",
    "since {px}",
    "over the weekend",
)
REACTIONS = {
    1: ("wow", "great news", "huge win for holders", "bulls happy", "told you", "love it"),
    0: ("hm", "reading it now", "what does it mean", "not sure yet", "ok then", "noted"),
    -1: ("ouch", "terrible news", "ugly, holders hurt", "bears happy", "sad day", "hate this"),
}
HANDLE_HEADS = (
    "tape",
    "chart",
    "swing",
    "delta",
    "gamma",
    "macro",
    "penny",
    "value",
    "quant",
    "flow",
)
HANDLE_TAILS = ("owl", "fox", "desk", "monk", "ninja", "uncle", "wolf", "nerd", "bot", "pit")
