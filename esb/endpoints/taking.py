"""Taking: how a source hands a receipt to the intake, and what it may rely on afterwards."""

from __future__ import annotations

from esb.edge import Accepted, Receipt
from esb.errors import EndpointError, EsbError
from esb.ports import Intake, Log


class TakingBugError(EndpointError):
    """The intake failed in a way that the house does not know; nothing was promised to the sender."""


async def take(intake: Intake, receipt: Receipt, log: Log) -> Accepted:
    """Return the intake's answer: all is durable.

    Raises:
        MessageError: The content cannot be taken as it is; coming again does not help.
        EsbError: The bus cannot take anything now (channel, store, a twin under way); come again.
        TakingBugError: A fault of ours, logged here. It must cost neither the process that listens for others nor the
            sender's document, so it reads as "come again".
    """
    try:
        return await intake.take(receipt)
    except EsbError:
        raise
    except Exception as error:
        log.error("intake.bug", endpoint=receipt.endpoint, name=receipt.name, error=repr(error), exc_info=True)
        raise TakingBugError(f"the intake failed unexpectedly ({type(error).__name__}); see the log") from error
