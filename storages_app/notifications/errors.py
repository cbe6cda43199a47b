"""Why a channel is not added or changed, or nothing is sent to it."""

from storages_app.lib.errors import UcdashError


class ChannelRefused(UcdashError):
    """A channel cannot be like this."""

    code = "channel_invalid"
    hint = "Nothing was changed."
    field = ""  # of the form, where one is to blame


class AddressInvalid(ChannelRefused):
    """Write an email address like team@example.com."""

    field = "address"


class UrlInvalid(ChannelRefused):
    """Write an address like https://www.example.com/hooks, without user name and password."""

    field = "address"


class UrlForbidden(ChannelRefused):
    """This instance does not send anything to this address."""

    code = "channel_address_forbidden"
    hint = "The operator can let a host of the own network in: UCDASH_ALLOWED_PRIVATE_HOSTS."
    field = "address"


class TopicUnknown(ChannelRefused):
    """Choose at least one thing that this channel can hear of."""

    field = "topics"


class SecretInvalid(ChannelRefused):
    """A secret has at most 32 characters, none of them invisible."""

    field = "secret"


class CannotBeSigned(ChannelRefused):
    """Only messages to a webhook are signed."""


class AlreadyThere(ChannelRefused):
    """This address is there already."""

    code = "channel_exists"
    hint = "Change the channel that is there."
    field = "address"


class TooManyChannels(ChannelRefused):
    """This project has as many channels as it may have."""

    code = "channels_too_many"
    hint = "Remove one that nobody needs any more."


class TooManyConfirmations(ChannelRefused):
    """This project has asked enough mailboxes for today."""

    code = "channel_confirmations_too_many"
    hint = "Try again tomorrow, or add the address of a member, which needs no confirmation."


class NotConfirmed(UcdashError):
    """Nobody has confirmed this address, so nothing is sent to it."""

    code = "channel_not_confirmed"
    hint = "Open the link in the mail that was sent to it, or have it sent again."


class ChannelOff(UcdashError):
    """This channel is switched off, so nothing is sent."""

    code = "channel_off"
    hint = "Switch it on first."


class TooManyTests(UcdashError):
    """Enough tests were sent to this channel for now."""

    code = "channel_tests_too_many"
    hint = "Try again in an hour."


class LinkGone(UcdashError):
    """This link does not work."""

    code = "channel_link_gone"
    hint = "It is older than three days, or the address was removed. Ask for a new one."


class StopLinkGone(LinkGone):
    """This link does not work."""

    hint = (
        "Nothing is sent to its address any more, or it was not copied whole. If mails still come, "
        "use the link in the newest."
    )
