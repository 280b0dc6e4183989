"""Runs under way, found by the id that a call over HTTP was given."""

from __future__ import annotations

from typing import Any

from mm_demos.serving.arguments import RefusedError


def require(blocks: Any, endpoint: str, event_id: str | None) -> None:
    """Make sure that there is a run to listen to.

    Raises:
        RefusedError: none is named, it never began, or its result was fetched already.
    """
    if event_id is None:
        raise RefusedError(
            405,
            f"A run begins with POST /gradio_api/call/v2/{endpoint[:60]}: then GET the same address with /EVENT_ID.",
        )
    queue = blocks._queue
    waiting = (ids for ids in queue.pending_event_ids_session.values())
    if event_id in queue.event_ids_to_events or any(event_id in ids for ids in waiting):
        return
    raise RefusedError(
        404, f"No run has the id “{event_id[:60]}”, or its result was fetched before: start one with POST and take its event_id."
    )


def cancellation(blocks: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The body of a cancellation with what Gradio wants to know beside the id of the run.

    With a number of its function that is not its own, Gradio would begin the run anew instead of ending it.

    Raises:
        RefusedError: there is no id, no such run, or it belongs to a page.
    """
    event_id = given.get("event_id")
    if not isinstance(event_id, str):
        raise RefusedError(422, 'The body names no run: send {"event_id": "…"} with the id that POST answered.')
    event = blocks._queue.event_ids_to_events.get(event_id)
    if event is None:
        if "session_hash" in given:  # Gradio's clients may be late, and ask for no answer
            return {"fn_index": -1, **given}
        raise RefusedError(404, f"No run has the id “{event_id[:60]}”: it ended before, or it never began.")
    if given.get("session_hash", event._id) != event.session_hash:
        raise RefusedError(404, "This run belongs to another session: send its session_hash too, or stop it on its page.")
    return {"event_id": event_id, "session_hash": event.session_hash, "fn_index": event.fn._id}
