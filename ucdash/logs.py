"""What may be written to a log: no secrets, no line breaks from outside, at most 2 kB a line."""

import logging
import re

from django.views.debug import SafeExceptionReporterFilter

_MAX_LINE = 2_000
_SECRETS = re.compile(
    r"(?ix)"
    r"(authorization['\"]?\s*[:=]\s*['\"]?)[^\r\n'\"]+"
    r"|(\b(?:x-amz-(?:signature|credential|security-token)|signature|token|secret[\w-]*|password)"
    r"['\"]?\s*[:=]\s*['\"]?)[^\s&'\",}]+"
)
_PLAIN = logging.Formatter()
_CONTROL = {code: f"\\x{code:02x}" for code in [*range(0x20), 0x7F, 0x9B]}


def redact(text: str) -> str:
    """Cut what looks like a secret out of one log message."""
    return _SECRETS.sub(lambda match: f"{match[1] or match[2]}[redacted]", text)


class RedactSecrets(logging.Filter):
    """Make the finished message safe before any handler writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        safe = redact(record.getMessage()).translate(_CONTROL)
        record.msg, record.args = safe[:_MAX_LINE], None
        if record.exc_info:
            # What a formatter finds here it does not write anew.
            record.exc_text = _safe_traceback(_PLAIN.formatException(record.exc_info))
        return True


def _safe_traceback(text: str) -> str:
    """The text of an exception may come from outside, as a message does."""
    lines = (redact(line).translate(_CONTROL)[:_MAX_LINE] for line in text.split("\n"))
    return "\n".join(lines)


class SecretsFilter(SafeExceptionReporterFilter):
    """Error reports hide every setting and variable whose name says that it is secret."""

    hidden_settings = re.compile(
        r"API|TOKEN|KEY|SECRET|PASS|SIGNATURE|AUTHORIZATION|COOKIE|BROKER|DATABASE|CACHE",
        flags=re.IGNORECASE,
    )
