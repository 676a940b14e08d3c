"""The KPIs: what each is called, how it is judged, and one expression that measures it.

To add a KPI, add one entry where it belongs on the page. Nothing about a KPI stands anywhere else. A supporting figure is an
entry too: it names in ``of`` the KPI that it stands beside, and is never judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reviewlib.params.figures import Expression, Kpi, Measure, Outcome, Unit

if TYPE_CHECKING:
    import ibis.expr.types as ir

OPENED = ("opened_on",)
CLOSED = ("closed_on",)
CYCLE = ("opened_on", "closed_on")
SALES = ("closed_on", "amount")
CUSTOMERS = ("closed_on", "amount", "account_id")
EXPECTED = ("opened_on", "closed_on", "expected_amount")
#: What the figures of customers have in common.
OF_ACCOUNTS: Final[Mapping[str, Any]] = MappingProxyType({"needs": CUSTOMERS, "grain": "accounts", "history": "window"})
#: Why figures are told and not judged: what moves them is seldom what somebody did in the period.
STOCK: Final = "it moves with where it began"
FEW_LARGE: Final = "one large account moves it"
YOUNG: Final = "win rate and pipeline coverage are judged, of the same deals"
#: What rests on lost deals, on open ones, on both.
LOST: Final[tuple[Outcome, ...]] = ("lost",)
OPEN: Final[tuple[Outcome, ...]] = ("open",)
NOT_WON: Final = (*LOST, *OPEN)
#: What the steps from the open pipeline at the start to that at the end have in common.
BRIDGE: Final[Mapping[str, Any]] = {"needs": CYCLE, "outcomes": OPEN, "n_label": "deals", "counted": ("unit",)}


def _money(mask: ir.Value, amount: ir.Value) -> ir.Value:
    """Sum an amount where the mask holds; the sum of nothing is zero."""
    return mask.ifelse(amount, 0).sum()


def _value(f: ir.Table, flag: str) -> ir.Value:
    """Sum the expected amounts of the deals that have one and count as ``flag``."""
    return _money(f[flag] & f.valued, f.expected)


def _beside(
    of: str, key: str, label: str, unit: Unit, definition: str, expression: Expression | None = None, **more: Any
) -> Kpi:
    """Describe a supporting figure."""
    own: dict[str, Any] = {"better": "none", "expression": expression, **more}
    return Kpi(key=key, label=label, unit=unit, definition=definition, of=of, **own)


#: Every figure of the scorecard, in the order of pages.
_FIGURES: Final = (
    # Result
    Kpi(
        key="revenue", label="Sales revenue", unit="money", group="Result",
        top="money", n_label="won deals", judged_by="purchases", sizes="purchases", needs=SALES, targets="sum", result=True,
        split_by=("won_revenue", "refunds"), evidence="earned",
        definition="Sum of the amounts of deals won and closed in the period; refunds reduce it.",
        expression=lambda f: Measure(_money(f.earned, f.amount), n=f.sale.sum()),
        sentence="Revenue was {revenue}, from {revenue.n} won deals",
    ),
    _beside("revenue", "won_revenue", "Revenue without refunds", "money", "Sum of the amounts of won deals, refunds left out.",
            lambda f: Measure(_money(f.sale, f.amount), n=f.sale.sum()), needs=SALES, n_label="won deals"),
    _beside("revenue", "refunds", "Refunds", "money", "Sum of won deals of negative amount, by their close date.",
            lambda f: Measure(_money(f.refund, f.amount), n=f.refund.sum()), needs=SALES, n_label="refunds"),
    _beside("revenue", "refund_deals", "Number of refunds", "count", "Won deals of negative amount.",
            lambda f: Measure(f.refund.sum()), needs=SALES),
    _beside("revenue", "won_without_amount", "Won deals without an amount", "count",
            "Won deals whose amount is missing; they count in win rate and cycle only.",
            lambda f: Measure((f.won & ~f.sale).sum()), needs=CLOSED),
    _beside("revenue", "largest_deal", "Largest deal", "money", "The largest amount of a deal won in the period.",
            lambda f: Measure(f.sale.ifelse(f.amount, None).max(), n=f.sale.sum()), needs=SALES, n_label="won deals",
            empty="no deal was won in the period", on_team_page=True),
    Kpi(
        key="attainment", label="Quota attainment", unit="percent", group="Result",
        top="money", bottom="money", n_label="won deals", needs=SALES, per_target="this",
        definition="Revenue divided by the effective target: the full one times ramp and share of active days.",
        expression=lambda f: Measure(_money(f.earned, f.amount), n=f.sale.sum()),
        empty="no revenue target is set for the period",
    ),
    Kpi(
        key="new_customers", label="Customers acquired", unit="count", group="Result",
        n_label="won deals", judged_by="poisson", needs=CUSTOMERS, history="window", targets="sum", evidence="first_win",
        more=("customer", "customers"),
        definition="Accounts whose first-ever won deal, over all reps and all history, closed in the period; credited to the "
        "owner of that deal (several on one day: the smallest deal id).",
        expression=lambda f: Measure(f.first_win.sum(), n=f.sale.sum()),
        sentence="{new_customers} customers bought for the first time",
        note="Beside them {won_back} customers were won back.",
    ),
    _beside("new_customers", "won_back", "Customers won back", "count",
            "Accounts that bought again after a full retention window without a purchase; not counted as new.",
            lambda f: Measure(f.won_back.sum()), needs=CUSTOMERS, history="window"),
    _beside("new_customers", "new_customer_revenue", "Revenue of first purchases", "money",
            "Amounts of the first purchases of customers acquired in the period.",
            lambda f: Measure(_money(f.first_win, f.amount), n=f.first_win.sum()), needs=CUSTOMERS, history="window",
            n_label="first purchases"),
    # Conversion
    Kpi(
        key="win_rate", label="Win rate", unit="percent", group="Conversion",
        judged_by="binomial", interval="wilson", n_label="closed deals", more=("won", "won"), needs=CLOSED, outcomes=LOST,
        evidence="closed",
        definition="Won deals divided by won and lost deals closed in the period, by count; no decision is lost.",
        expression=lambda f: Measure(f.won.sum(), f.closed.sum(), n=f.closed.sum()),
        empty="no deal was closed in the period",
        sentence="{won_deals} of {closed_deals} closed deals were won: {win_rate}",
        note="By value the rate is {win_rate_value}.",
        arithmetic="{won_deals} won / ({won_deals} won + {lost_deals} lost) = {win_rate}",
    ),
    _beside("win_rate", "won_deals", "Won deals", "count", "Deals won and closed in the period, refunds left out.",
            lambda f: Measure(f.won.sum()), needs=CLOSED, on_team_page=True),
    _beside("win_rate", "lost_deals", "Lost deals", "count", "Deals lost and closed in the period.",
            lambda f: Measure(f.lost.sum()), needs=CLOSED, outcomes=LOST),
    _beside("win_rate", "closed_deals", "Closed deals", "count", "Deals won or lost and closed in the period.",
            lambda f: Measure(f.closed.sum()), needs=CLOSED, outcomes=LOST, on_team_page=True),
    _beside("win_rate", "win_rate_value", "Win rate by value", "percent",
            "Expected amount of won deals divided by that of won and lost deals closed in the period.",
            lambda f: Measure(_money(f.won & f.expected_amount.notnull(), f.expected_amount),
                              _money(f.closed & f.expected_amount.notnull(), f.expected_amount),
                              n=(f.closed & f.expected_amount.notnull()).sum()),
            needs=("closed_on", "expected_amount"), outcomes=LOST, n_label="closed deals",
            empty="no closed deal carries an expected amount", top="money", bottom="money"),
    Kpi(
        key="conversion_rate", label="Cohort conversion", unit="percent", group="Conversion",
        interval="wilson", n_label="opened deals", unjudged=YOUNG, needs=CYCLE, outcomes=NOT_WON, evidence="opened",
        definition="Of the deals opened in the period, the share won within H days of opening, so that every cohort is judged "
        "at the same age. H is the time in which nine of ten won deals of the workbook close, rounded up to full weeks.",
        expression=lambda f: Measure(f.opened_won.sum(), (f.opened & f.cohort_days.notnull()).sum(), n=f.opened.sum(),
                                     matures_on=f.opened.ifelse(f.matures_on, None).max()),
        empty="no deal was opened in the period, or no won deal of the workbook has both dates",
        arithmetic="{opened_won} won within {cohort_days} / {opened_deals} opened = {conversion_rate}",
    ),
    _beside("conversion_rate", "opened_deals", "Opened deals", "count", "Deals opened in the period.",
            lambda f: Measure(f.opened.sum()), needs=OPENED, outcomes=NOT_WON),
    _beside("conversion_rate", "opened_won", "Opened and won", "count", "Deals opened in the period and won within H days.",
            lambda f: Measure(f.opened_won.sum()), needs=CYCLE),
    _beside("conversion_rate", "opened_closed", "Opened and closed", "count",
            "Deals opened in the period and closed by the as-of date.", lambda f: Measure(f.opened_closed.sum()), needs=OPENED,
            outcomes=LOST),
    _beside("conversion_rate", "cohort_days", "H, the age at which cohorts are judged", "days",
            "The time in which nine of ten won deals of the workbook close, rounded up to full weeks.",
            lambda f: Measure(f.cohort_days.max()), needs=CYCLE, empty="no deal with both dates was won"),
    _beside("conversion_rate", "last_cohort", "Last mature cohort", "percent",
            "Cohort conversion of the latest period before that is mature, where this one is not.", n_label="opened deals",
            earlier=True),
    Kpi(
        key="deal_size", label="Average deal size", unit="money", group="Conversion",
        top="money", interval_of="deal_size_median", interval="order", judged_by="sizes", sizes="sales", n_label="won deals",
        needs=SALES, evidence="sale",
        definition="Won amount without refunds divided by won deals that carry an amount; the interval is that of the median.",
        expression=lambda f: Measure(_money(f.sale, f.amount), f.sale.sum(), n=f.sale.sum(),
                                     sample=f.sale.ifelse(f.amount, None)),
        empty="no deal with an amount was won in the period",
        sentence="The average of {deal_size.n} won deals was {deal_size}",
        note="The median deal was {deal_size_median}.",
    ),
    _beside("deal_size", "deal_size_median", "Median deal size", "money", "The middle amount of won deals, refunds left out.",
            lambda f: Measure(f.sale.ifelse(f.amount, None).quantile(0.5), n=f.sale.sum()), needs=SALES, n_label="won deals",
            empty="no deal with an amount was won in the period", on_team_page=True),
    Kpi(
        key="cycle_days", label="Sales cycle", unit="days", group="Conversion",
        better="lower", judged_by="median", interval="order", more=("slower", "slower"), n_label="won deals", needs=CYCLE,
        evidence="won",
        definition="Median days from opening to closing of deals won in the period; open deals are not counted.",
        expression=lambda f: Measure(f.won.ifelse(f.days, None).quantile(0.5), n=f.won.ifelse(f.days, None).count(),
                                     sample=f.won.ifelse(f.days, None)),
        empty="no deal with both dates was won in the period",
        sentence="The median of {cycle_days.n} won deals took {cycle_days}",
        note="Half of them took {cycle_q1} to {cycle_q3}. Open deals are not counted.",
    ),
    _beside("cycle_days", "cycle_q1", "Sales cycle, lower quartile", "days",
            "A quarter of the won deals took at most this long.",
            lambda f: Measure(f.won.ifelse(f.days, None).quantile(0.25), n=f.won.ifelse(f.days, None).count()), needs=CYCLE,
            empty="no deal with both dates was won in the period"),
    _beside("cycle_days", "cycle_q3", "Sales cycle, upper quartile", "days",
            "Three quarters of the won deals took at most this long.",
            lambda f: Measure(f.won.ifelse(f.days, None).quantile(0.75), n=f.won.ifelse(f.days, None).count()), needs=CYCLE,
            empty="no deal with both dates was won in the period"),
    # Pipeline
    Kpi(
        key="pipeline_value", label="Open pipeline", unit="money", group="Pipeline",
        top="money", n_label="open deals", unjudged=STOCK, needs=EXPECTED, outcomes=OPEN, targets="stock",
        evidence="open_end",
        definition="Sum of the expected amounts of deals open at the end of the period; the closing amount is never used.",
        expression=lambda f: Measure(_value(f, "open_end"), n=(f.open_end & f.valued).sum()),
    ),
    _beside("pipeline_value", "open_deals", "Open deals", "count", "Deals open at the end of the period.",
            lambda f: Measure(f.open_end.sum()), needs=CYCLE, outcomes=OPEN),
    _beside("pipeline_value", "still_open", "Open deals that are open still", "count",
            "Deals open at the end of the period that have not closed since.",
            lambda f: Measure((f.open_end & f.is_open).sum()), needs=CYCLE, outcomes=OPEN),
    _beside("pipeline_value", "open_deals_start", "Open deals at the start", "count", "Deals open at the start of the period.",
            lambda f: Measure(f.open_start.sum()), needs=CYCLE, outcomes=OPEN),
    _beside("pipeline_value", "unvalued_deals", "Open deals outside the value", "count",
            "Open deals without opening date or expected amount; they stay outside value, growth and bridge.",
            lambda f: Measure(f.unvalued.sum()), needs=CLOSED, outcomes=OPEN),
    _beside("pipeline_value", "stale_deals", "Old open deals", "count",
            "Open deals older than the time in which nine of ten won deals of the workbook closed.",
            lambda f: Measure(f.stale.sum()), needs=CYCLE, outcomes=OPEN, on_team_page=True),
    _beside("pipeline_value", "stale_after", "Time in which nine of ten wins close", "days",
            "The 90th percentile of the sales cycle of all won deals of the workbook.",
            lambda f: Measure(f.stale_after.max()), needs=CYCLE, empty="no deal with both dates was won"),
    Kpi(
        key="pipeline_growth", label="Pipeline growth", unit="percent", group="Pipeline",
        top="money", bottom="money", n_label="open deals at the start", needs=CYCLE, outcomes=OPEN, counted=("top", "bottom"),
        against="points", unjudged=STOCK, evidence="bridge",
        definition="Change of the open pipeline from the start to the end of the period, divided by its value at the start.",
        expression=lambda f: Measure(_value(f, "open_end") - _value(f, "open_start"), _value(f, "open_start"),
                                     n=(f.open_start & f.valued).sum()),
        empty="nothing was open at the start of the period",
        arithmetic="({pipeline_end} at the end − {pipeline_start} at the start) / {pipeline_start} = {pipeline_growth}",
    ),
    _beside("pipeline_growth", "pipeline_start", "Open at the start", "money", "Open pipeline at the start of the period.",
            lambda f: Measure(_value(f, "open_start"), n=(f.open_start & f.valued).sum()), **BRIDGE),
    _beside("pipeline_growth", "pipeline_created", "Created", "money", "Expected amounts of deals opened in the period.",
            lambda f: Measure(_value(f, "opened"), n=(f.opened & f.valued).sum()), **BRIDGE),
    _beside("pipeline_growth", "pipeline_won", "Won", "money", "Expected amounts of deals won in the period.",
            lambda f: Measure(_value(f, "won"), n=(f.won & f.valued).sum()), **BRIDGE),
    _beside("pipeline_growth", "pipeline_lost", "Lost", "money", "Expected amounts of deals lost in the period.",
            lambda f: Measure(_value(f, "lost"), n=(f.lost & f.valued).sum()), **BRIDGE),
    _beside("pipeline_growth", "pipeline_end", "Open at the end", "money", "Open pipeline at the end of the period.",
            lambda f: Measure(_value(f, "open_end"), n=(f.open_end & f.valued).sum()), **BRIDGE),
    Kpi(
        key="pipeline_coverage", label="Pipeline coverage", unit="ratio", group="Pipeline",
        today_only=True, top="money", bottom="money", n_label="open deals", judged_by="purchases", sizes="open",
        needs=EXPECTED, outcomes=OPEN, per_target="next",
        evidence="due",
        definition="Expected amount of deals open at the end of the period and expected to close in the next one, divided by "
        "the next period's effective revenue target.",
        expression=lambda f: Measure(_value(f, "due"), n=(f.due & f.valued).sum()),
        empty="no revenue target is set for the next period",
        sentence="The next target is covered {pipeline_coverage}, by {pipeline_coverage.n} open deals",
        note="{due_value} is expected to close in {next_period}; {undated_deals} open deals are without an expected close.",
    ),
    _beside("pipeline_coverage", "due_value", "Due in the next period", "money",
            "Expected amounts of open deals expected to close in the next period.",
            lambda f: Measure(_value(f, "due"), n=(f.due & f.valued).sum()), needs=EXPECTED, outcomes=OPEN,
            n_label="open deals", today_only=True),
    _beside("pipeline_coverage", "undated_deals", "Open deals without an expected close", "count",
            "Open deals for which the CRM holds no expected close; they cover nothing.",
            lambda f: Measure(f.undated.sum()), needs=(*CYCLE, "expected_close_on"), outcomes=OPEN,
            today_only=True),
    # Customers
    Kpi(
        key="retention_rate", label="Customer retention", unit="percent", group="Customers",
        judged_by="binomial", interval="wilson", n_label="base accounts", more=("customer kept", "customers kept"),
        **OF_ACCOUNTS, sets_window=True, evidence="accounts",
        definition="Repeat-purchase rate: of the accounts that bought from the rep in the retention window before the period, "
        "the share that bought again in the period, from anyone.",
        expression=lambda a: Measure((a.base & a.bought).sum(), a.base.sum(), n=a.base.sum()),
        empty="no account bought in the retention window",
        sentence="{kept_accounts} of {base_accounts} accounts bought again: {retention_rate}",
        note="Of those that did not, {lapsed_open} have an open deal.",
        arithmetic="{kept_accounts} kept / {base_accounts} accounts of the base = {retention_rate}",
    ),
    _beside("retention_rate", "base_accounts", "Base accounts", "count", "Accounts that bought in the retention window.",
            lambda a: Measure(a.base.sum()), **OF_ACCOUNTS),
    _beside("retention_rate", "kept_accounts", "Accounts kept", "count", "Base accounts that bought again in the period.",
            lambda a: Measure((a.base & a.bought).sum()), **OF_ACCOUNTS),
    _beside("retention_rate", "lapsed_open", "Not kept, with an open deal", "count",
            "Base accounts that did not buy in the period but have an open deal with this owner.",
            lambda a: Measure((a.base & ~a.bought & a.open_deal).sum()), outcomes=OPEN, **OF_ACCOUNTS),
    Kpi(
        key="revenue_retention", label="Net revenue retention", unit="percent", group="Customers",
        top="money", bottom="money", n_label="base accounts", **OF_ACCOUNTS, unjudged=FEW_LARGE, evidence="accounts",
        definition="The rep's revenue in the period from the base accounts divided by the rep's revenue from them in the "
        "retention window.",
        expression=lambda a: Measure(_money(a.base, a.revenue), _money(a.base, a.base_revenue), n=a.base.sum()),
        empty="the base accounts brought no revenue in the retention window",
    ),
    _beside("revenue_retention", "base_revenue", "Revenue of base accounts before", "money",
            "Revenue from the base accounts in the retention window.",
            lambda a: Measure(_money(a.base, a.base_revenue), n=a.base.sum()), n_label="accounts", **OF_ACCOUNTS),
    _beside("revenue_retention", "kept_revenue", "Revenue of base accounts now", "money",
            "Revenue from the base accounts in the period.", lambda a: Measure(_money(a.base, a.revenue), n=a.base.sum()),
            n_label="accounts", **OF_ACCOUNTS),
    _beside("revenue_retention", "gross_retention", "Gross revenue retention", "percent",
            "Like net revenue retention, each account capped at what it brought in the window.",
            # So gross is never above net.
            lambda a: Measure(_money(a.base, (a.revenue < a.base_revenue).ifelse(a.revenue, a.base_revenue)),
                              _money(a.base, a.base_revenue), n=a.base.sum()),
            empty="the base accounts brought no revenue in the retention window",
            top="money", bottom="money", n_label="accounts", **OF_ACCOUNTS),
    # What is worked out from the figures above: raw attainment, the sum of the reps' targets, the split of change.
    _beside("attainment", "attainment_raw", "Attainment of the full target", "percent",
            "Revenue divided by the full target, without ramp and share of active days.",
            top="money", bottom="money", from_targets="full"),
    _beside("attainment", "reps_target", "Sum of the reps' targets", "money",
            "Sum of the effective revenue targets of the reps.", from_targets="of_reps"),
    _beside("revenue", "change_won_deals", "Change by number of deals", "money",
            "Part of the change of revenue that the number of won deals explains (log-mean split).", part="won_deals"),
    _beside("revenue", "change_deal_size", "Change by average size", "money",
            "Part of the change of revenue that the average deal size explains (log-mean split).", part="deal_size"),
    _beside("revenue", "change_refunds", "Change by refunds", "money",
            "Change of the refunds from the previous period.", part="refunds"),
    _beside("revenue", "change_unsplit", "Change not split", "money", "Part of the change of revenue that cannot be split.",
            part="unsplit"),
)  # fmt: skip

#: The same by key.
KPIS: Final[Mapping[str, Kpi]] = MappingProxyType({kpi.key: kpi for kpi in _FIGURES})
#: The KPIs proper, without supporting figures.
MAIN: Final = tuple(key for key, kpi in KPIS.items() if kpi.of is None)
#: What selling comes to.
RESULT: Final = next(kpi for kpi in _FIGURES if kpi.result)
