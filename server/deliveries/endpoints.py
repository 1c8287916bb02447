"""Messages that could not be delivered, and a test of the ways to people."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from naryad.db.models.delivery import DeliveryStatus
from server import errors
from server.access import Admin
from server.deliveries.schemas import Deliveries, DeliveryLine, TestOf, TestSent
from server.parts import Using

router = APIRouter(prefix="/api/v1", tags=["notifications"], responses=errors.answers(401, 403, 422))


@router.get("/deliveries")
async def listed(
    _caller: Admin,
    parts: Using,
    status: DeliveryStatus = DeliveryStatus.DEAD,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Deliveries:
    """Messages with a status, the newest first; by default those that were given up."""
    found = await parts.outbox.listed(status, limit=limit)
    return Deliveries(deliveries=[DeliveryLine.of(row) for row in found])


@router.post("/deliveries/{delivery_id}/retry", responses=errors.answers(404, 409, 413))
async def retry(
    delivery_id: Annotated[str, Path(pattern=r"^[\w-]{1,64}$")], _caller: Admin, parts: Using
) -> DeliveryLine:
    """Try again to deliver a message that was given up."""
    return DeliveryLine.of(await parts.outbox.retry(delivery_id))


@router.post("/notifications/test", status_code=202, responses=errors.answers(404, 413))
async def test(to: TestOf, _caller: Admin, parts: Using) -> TestSent:
    """Send a test message in every way of one recipient of the routes file; what fails is found among the dead."""
    notifier = parts.notifications.notifier
    count = await parts.crew.runtime.database.transact(lambda session: notifier.test(session, to.recipient))
    parts.outbox.wake()
    return TestSent(messages=count)
