"""Every number a check decides by, with its origin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Hold the thresholds of all checks; a field's comment gives the origin of its default."""

    # Gaps between sessions.
    outage_least_series: int = 3
    """With fewer symbols a missing session is a symbol's, not a source's."""
    outage_seen_frac: float = 0.5
    """A source is out in a session in which less than this share of its live symbols has bars."""
    hole_surprise: float = 3.0
    """-ln of the chance of a run of missing sessions; e^-3.1 is one missing of ten."""
    reuse_sessions: int = 200
    """A longer hole is another listing. WM (Washington Mutual, then Waste Management): 214."""
    reuse_break_sessions: int = 20
    """So is a shorter hole if the price level differs by `reuse_break_ratio`."""
    reuse_break_ratio: float = 1.8
    reuse_break_turnover: float = 5.0
    """Or dollars traded a session do. A halt of a month changes them by less than 3."""
    common_end_frac: float = 0.5
    """Symbols end early or start late if at least this share of the others doesn't."""
    end_slack_days: int = 10
    """An end within so many days of a known delisting or rename is explained."""
    newest_sessions: int = 20
    """A symbol that ends so few sessions before the others may be missing its newest ones."""
    listed_holes: int = 6
    """More holes than these in one series become one finding."""

    # Gaps inside sessions.
    slot_surprise: float = 14.0
    """-ln of the chance of a run of missing bars; one in a million runs, as a year of minutes."""
    slot_habit_ratio: float = 3.2
    """And this many times the surprise that 75 % of the series' sessions stay below: illiquid names
    pause in bursts (us1m_2024). A higher quantile would hold the faults themselves."""
    slot_thin_frac: float = 0.25
    """Names that trade in so few of their slots pause for hours:"""
    slot_thin_ratio: float = 3.6
    """ERIE (18 %) reaches 3.25 in two of 124 sessions."""
    slot_least_minutes: int = 3
    """Shorter runs are a quiet minute or two."""
    slot_least_bars: int = 3
    slot_enough_minutes: int = 15
    """Longer bars count alone."""
    slot_full_frac: float = 0.98
    """A series that fills so many of its slots of `slot_enough_minutes` or more trades in all of
    them (lean, 1h: 0.998 to 0.999): there"""
    slot_full_surprise: float = 4.6
    """a slot that is filled in 99 % of the other sessions is missed alone."""
    slot_prior_sessions: float = 3.0
    """Weight of the series' own mean beside a slot's count."""
    thin_spread: float = 7.0
    """A session with fewer bars than usual by so many robust standard deviations of its log."""
    thin_log_least: float = 0.06
    """And by at least 6 %: 23 of 390 minutes."""
    thin_least_bars: int = 3
    thin_window_sessions: int = 10
    thin_chance: float = 0.25
    """Spread of a count's log by chance, times the root of the count; the sample's is 0.2."""
    thin_tail_ratio: float = 2.0
    """And so many times the 5 % quantile."""
    shared_hole_frac: float = 0.6
    """A hole that so many of a source's symbols share is the source's."""
    coarse_frac: float = 0.98
    """Bars that lie on a coarser grid to this share are coarser bars."""
    shift_gain_frac: float = 0.10
    """Volume that a moved session would gain; an hour holds 11 to 24 % (stylised facts)."""
    shift_vacated_frac: float = 0.02
    """What may lie in each half hour that a moved session leaves; the first and last ones of a
    session hold 7 to 18 % as a rule, those outside it 1 % (stylised facts)."""
    end_stamps_open: float = 0.4
    """Volume of the first bar and of the one after the close, against a bar's mean: the first has
    1.5 to 6 times as much where times are starts,"""
    end_stamps_close: float = 0.8
    """and the other next to none."""

    shift_sessions: int = 3
    """Fewer sessions of one symbol that seem moved by half an hour are a quiet opening."""

    # Repeats.
    repeated_least_bars: int = 5
    """Sessions of fewer bars may be equal by chance."""
    repeated_least_ticks: int = 8
    """A daily bar of a smaller range and"""
    repeated_least_volume: float = 10_000.0
    """of fewer shares may come again."""
    stuck_bars: int = 4
    """So many equal bars with volume and a range are a feed that stands still."""
    constant_habit_ratio: float = 4.0
    """A constant price lasts so many times longer than in 95 % of sessions."""
    constant_least_minutes: int = 60
    constant_flat_frac: float = 0.6
    """Series whose bars have one price more often than this stand still by nature."""

    stuck_days: int = 5
    """So many daily bars at one price,"""
    stuck_days_ranged: int = 2
    """or with one and the same range,"""
    stuck_days_frac: float = 0.05
    """where that is rare."""

    # Splits and levels.
    split_tolerance: float = 0.025
    """Log distance of a jump from a simple ratio; AAPL 2014: 0.5 %, TSLA 2020: 0.4 %."""
    split_tolerance_most: float = 0.06
    """The same for volatile series (VXX 2012: 3.2 %)."""
    split_spreads: float = 3.0
    """Or so many robust standard deviations of overnight returns."""
    split_spreads_least: float = 8.0
    """A smaller ratio than so many spreads of the weeks around may be chance (BAC in 2008)."""
    split_small_log: float = 0.4
    """Ratios below 3:2 are moves that news makes, too: they must fit better."""
    split_small_spreads: float = 14.0
    split_small_tolerance: float = 0.015
    lasting_frac: float = 0.35
    """A jump has come back when the following week's level is off it by this part of it."""
    split_quiet_range: float = 3.0
    """A crash moves on: its range is more than so many times the usual one."""
    split_quiet_volume: float = 4.0
    """A crash trades: volume over so many times the usual one that neither equals nor is scaled."""
    split_date_sessions: int = 5
    """A split recorded so near the jump has a wrong date."""
    break_log: float = 0.25
    """Overnight jump that nothing explains: 28 %."""
    break_spreads: float = 12.0
    break_quiet_range: float = 2.0
    break_quiet_volume: float = 2.5
    """Stricter than for splits, as any ratio counts."""

    # Levels that come back, and prints.
    scale_log: float = 0.405
    """A session whose level leaves by half and comes back is no market's (IBM 2002-12-23: 2)."""
    scale_spreads: float = 15.0
    scale_longest_sessions: int = 60
    scale_bar_log: float = 0.9
    """A field of a bar 2.5 times off its session."""
    scale_decimal_log: float = 0.2
    """Distance from a power of ten that is called one."""
    reread_sessions: int = 4_000
    """Series and sessions that are read again bar by bar, the largest jumps first."""
    spike_least_frac: float = 0.012
    """Bad prints below 1.2 % can't be told from a large order."""
    spike_daily_frac: float = 0.10
    spike_habit_ratio: float = 9.0
    """Times the median of the series' largest spikes a session, in units of its range."""
    spike_tail_ratio: float = 3.0
    """Times their 95 % quantile."""
    spike_quiet_volume: float = 4.0
    spike_least_usd: float = 0.045
    """A spike of a few ticks is none."""
    spike_market_frac: float = 0.15
    """Spikes that so many symbols share are the market's (2015-08-24)."""
    tiny_price_usd: float = 0.01
    """Below a cent nothing trades on an exchange; FINRA shows 0.0001 as its least quote."""
    coarse_price_frac: float = 0.95
    """Prices that are multiples of 0.10 to this share are rounded; by chance 10 % are."""
    coarse_price_least: int = 20
    coarse_price_usd: float = 20_000.0
    """Above it spreads are wider than 0.10 (BRK.A)."""

    # Volumes.
    zero_volume_frac: float = 0.005
    """Share of bars without volume that is worth a line."""
    zero_volume_session_frac: float = 0.2
    """Or this share of one session's bars,"""
    zero_volume_session_least: int = 3
    """and at least so many."""
    placeholder_frac: float = 0.5
    """Share of a session's bars with one volume (cfd_15m: 15)."""
    placeholder_daily_frac: float = 0.35
    placeholder_sessions: int = 5
    volume_down_log: float = 2.5
    """To a twelfth; half days have a third."""
    volume_up_log: float = 3.6
    """37 times: blocks and offerings make 20 to 30 times a thin name's volume on a calm day."""
    volume_least_usd: float = 200_000.0
    """What trades less a session comes in lumps (EEM in 1998, USO's predecessor)."""
    volume_scale_spreads: float = 7.0
    volume_down_spreads: float = 5.0
    """News makes volume, nothing unmakes it: the lower tail is the thinner one."""
    volume_quiet_range: float = 2.5
    """A real multiple moves the price."""
    volume_shift_log: float = 2.2
    """9 times, for good: IEX is 1/50 to 1/20 of SIP; real changes in stocknet stay below 7."""
    volume_shift_spreads: float = 4.0
    volume_shift_sessions: int = 10
    thin_feed_ratio: float = 0.2
    """Volume of one feed against another, or against daily bars; IEX 0.02 to 0.05."""

    # Agreement.
    agree_frac: float = 0.01
    """Auction prints differ from the last trade by less than 1 %."""
    agree_same_frac: float = 0.005
    """Bars of one source and two timeframes differ by less (lean, 1h and 1m in 1d: 0.04 %)."""
    agree_volume_over: float = 0.05
    """Regular hours hold no more than the day; lean: 0."""
    agree_volume_log: float = 0.3
    """What a session's share of the day's volume may be off the usual one, where this is
    steadier."""
    agree_spreads: float = 8.0
    agree_sessions: int = 3
    """Fewer sessions in common prove nothing."""
    shifted_day_ratio: float = 0.3
    """The neighbouring day fits so much better,"""
    shifted_day_frac: float = 0.004
    """and this well."""

    # News.
    outage_day_frac: float = 0.2
    """A day with less than this share of its weekday's habit may be an outage (stocknet: 20 rows
    of a median of 106)."""
    outage_day_surprise: float = 12.0
    outage_beside_frac: float = 0.4
    """The same for a day beside an outage."""
    outage_alive_frac: float = 0.55
    """Share of days around on which there must be news at all."""
    outage_window_days: int = 28
    """Habits are taken from so many days before and after."""
    outage_least_rows: float = 8.0
    """Sources with fewer rows on a usual day fall silent by nature."""
    gap_surprise: float = 13.0
    """-ln of the chance of a silence within days, after dividing by the source's dispersion.
    stocknet's longest quiet hours have 7.5, an outage of ten hours by day 27."""
    gap_least_hours: float = 2.0
    flood_copies: int = 20
    """Copies of one story on a symbol: stocknet's 99 % quantile of cascades is 19."""
    flood_hours: float = 24.0
    flood_burst_copies: int = 10
    """Or so many,"""
    flood_burst_minutes: float = 5.0
    """if they come in so few minutes: 7 stories in 8 months of stocknet."""
    flood_least_words: int = 4
    """Texts of fewer words are alike by nature."""
    copies_same_author: int = 5
    """One text of one account within `flood_hours`."""
    author_rows: int = 50
    author_repeat_frac: float = 0.5
    """Of an account's rows that only repeat its own texts."""
    author_few_rows: int = 5
    author_few_frac: float = 0.7
    """An account of few rows says next to nothing else: 10 of stocknet's 20,000."""
    mislinked_frac: float = 0.03
    """Share of a symbol's rows; stocknet: D 94 %, T 68 %, V and UN 10 %, others below 2 %."""
    mislinked_least: int = 5
    mislinked_unspoken_frac: float = 0.15
    mislinked_tagged_frac: float = 0.7
    """A provider whose texts have cashtags so often."""
    misfiled_learn: int = 30
    """Articles of a symbol from which its marks are learnt,"""
    misfiled_mark_frac: float = 0.3
    """words in so many of its headlines"""
    misfiled_mark_ratio: float = 20.0
    """and so many times rarer in the others' (Benzinga: Barrick, Agilent, Abaxis)."""
    misfiled_least: int = 5
    misfiled_frac: float = 0.02
    """Share of a symbol's articles with another's marks only; benzinga_headlines: below 1 %."""
    misfiled_tagged_frac: float = 0.3
    """Providers whose texts have cashtags more often say themselves what they speak of."""
    impersonator_edit: int = 1
    impersonator_least_letters: int = 4
    """Shorter names (AP, FT) are parts of too many others."""
    impersonator_misspelt_letters: int = 6
    """A letter away from shorter ones are other words."""
    stale_days: float = 30.0
    """stocknet: 147 retweets of older posts."""
    late_days: float = 1.0
    republished_days: float = 2.0
    """The same words of the same source after so many days, as new."""
    republished_longest_days: float = 60.0
    """After longer a headline's pattern may come back by chance ("X upgraded to Buy")."""
    republished_together: int = 5
    """Or so many articles after the same time to the second, if it is an hour or more."""
    retold_least_words: int = 9
    republished_least_words: int = 6
    republished_named: int = 3
    """Sources with fewer such articles are told together."""
    republished_most: int = 3
    """Texts that come back more often are a column's title (52-week highs)."""
    date_only_frac: float = 0.5
    date_only_least: int = 20
    profile_least_rows: int = 200
    profile_gain: float = 0.25


DEFAULTS = Thresholds()
