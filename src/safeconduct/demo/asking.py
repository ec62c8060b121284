"""What the demo leaves open: the copilot may lower a price with a sales lead's yes, and asks."""

from safeconduct.config.schema import Config
from safeconduct.demo.agent import Reply
from safeconduct.demo.plot import AMOUNT_MINOR, DISCOUNT, OPPORTUNITY_ID
from safeconduct.demo.story import begin, tools_of
from safeconduct.identity.client import StartedTask

TOOL = "crm.update_opportunity"


async def asked(config: Config) -> StartedTask:
    """Start the task, and let its agent make the call that needs a yes.

    Raises RuntimeError when the call came to anything else.
    """
    task = await begin(config, DISCOUNT)
    reply = await lower(config, task)
    if reply.reason != "approval-required":
        raise RuntimeError(f"nobody was asked: {reply}")
    return task


async def lower(config: Config, task: StartedTask) -> Reply:
    """The call: what it came to says whether somebody has said yes."""
    change = {"opportunity_id": OPPORTUNITY_ID, "amount_minor": AMOUNT_MINOR}
    async with tools_of(config, task) as tools:
        return await tools.call(TOOL, change)
