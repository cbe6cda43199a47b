"""Is our clock the provider's?"""

from storages_app.custom_storages.probe import (
    BOTH_KINDS,
    Advice,
    Level,
    Noted,
    Probe,
    Refused,
    check,
)

_ALLOWED_S = 15 * 60  # by the rules of AWS signatures


@check(
    "clock",
    name="Clock",
    position=30,
    level=Level.REQUIRED,
    kinds=BOTH_KINDS,
    requires=["reach"],
    refusals={
        "RequestTimeTooSkewed": Advice(
            "This server's clock is {s} s away from the provider's, so signatures are refused.",
            "S3 allows 15 minutes of difference.",
            ["Operator: turn on time sync."],
        ),
    },
    notes={
        "no_date": Advice(
            "The provider does not tell its time",
            "Whether the clocks agree shows when a signature is accepted.",
        ),
    },
)
def clock(probe: Probe) -> str | Noted:
    """Compare with the time that came with the first answer."""
    offset = probe.connected.clock_offset_s if probe.connected else None
    if offset is None:
        return Noted("no_date")
    seconds = round(abs(offset))
    if seconds >= _ALLOWED_S:
        raise Refused("RequestTimeTooSkewed", s=seconds)
    return f"Clocks agree within {seconds + 1} s"
