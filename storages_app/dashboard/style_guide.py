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
    ("accent-soft", "what is chosen"),
    ("good", "done, passed"),
    ("good-soft", "behind it"),
    ("warn", "needs attention"),
    ("warn-soft", "behind it"),
    ("bad", "failed"),
    ("bad-soft", "behind it"),
    ("busy", "running"),
    ("busy-soft", "behind it"),
)
SPACES = ("s1", "s2", "s3", "s4", "s5", "s6", "s7")
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
