"""What the style guide shows: the tokens of static/ucdash/ucdash.css, and the words for states."""

# Name of the token → what it is for.
COLOURS = (
    ("canvas", "behind everything"),
    ("surface", "cards"),
    ("raised", "menus and dialogs"),
    ("sunken", "code, fields that are not typed in"),
    ("hover", "under the pointer"),
    ("line", "between things"),
    ("line-strong", "around fields"),
    ("ink", "text"),
    ("ink-2", "text beside text"),
    ("ink-3", "labels, hints"),
    ("accent", "links, focus"),
    ("accent-fill", "the main button"),
    ("accent-fill-hover", "the same under the pointer"),
    ("on-accent", "text on it"),
    ("accent-soft", "what is chosen"),
    ("good", "done, passed"),
    ("good-soft", "behind it"),
    ("warn", "needs attention"),
    ("warn-soft", "behind it"),
    ("bad", "failed"),
    ("bad-soft", "behind it"),
    ("bad-fill", "the button that deletes"),
    ("busy", "running"),
    ("busy-soft", "behind it"),
)
SPACES = ("s1", "s2", "s3", "s4", "s5", "s6", "s7")
TYPE = (
    ("normal", "text"),
    ("small", "labels, hints, heads of tables"),
    ("sans", "all that is read; the system's own"),
    ("mono", "keys, codes, addresses"),
)
SHAPES = (
    ("radius", "cards, menus"),
    ("radius-small", "buttons, fields"),
    ("shadow", "cards"),
    ("shadow-high", "menus, dialogs"),
    ("bar", "the height of the bar on top"),
)
STATES = (
    "Waiting",
    "Running",
    "Done",
    "Done with gaps",
    "Failed",
    "Paused",
    "Skipped",
    "Cancelled",
    "Needs attention",
)
