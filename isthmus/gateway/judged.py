"""Answers that are judged before they are shown (policy/judged_answer): a stream waits for verdicts, piece by piece.

Rules of this room:
1. What waits is the partner's own events. A piece of them (policy/pieces) goes on to the stages, as if it came just
   now, when its verdict is there and all before it went on; so order, hold-back and endings are those of any stream.
2. Pieces are judged while the next ones arrive, AHEAD at once. A hit ends the stream as a forbidden word does; what
   waited is dropped, and is counted as what the partner said.
3. A stream that breaks off before anything was shown shows nothing: the next lawful route may be tried. Otherwise what
   has arrived is judged and shown before the end is told.
4. Whoever leaves takes the questions to judges with it. What waits is bounded like a whole answer (BODY_LIMIT).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Attempt, Exchange
from isthmus.core.sse import DONE, EventTooLargeError
from isthmus.core.wire import Said
from isthmus.gateway import answer, spent
from isthmus.gateway.stream import Stream
from isthmus.gateway.upstream import BODY_LIMIT, Answer
from isthmus.policy.judged_answer import AHEAD, NAME, Hearing, stop
from isthmus.policy.pieces import Cutter

if TYPE_CHECKING:
    from isthmus.core.decision import Plan
    from isthmus.gateway.door import Door
    from isthmus.gateway.head import Request
    from isthmus.gateway.relay import Corridor, Sender
    from isthmus.gateway.voice import Voice

_STREAM = (NAME, "stream")
_UNJUDGED = "answer_not_judged"
_OK = 200
_CLEAR = ""


class Piece:
    """Events that wait for one verdict. `outcome`: None as long as nobody knows, "" when they may go on, else the
    category that stops the answer or the refusal that ends it.
    """

    __slots__ = ("events", "outcome", "texts")

    def __init__(self, events: list[bytes], texts: dict[str, str], outcome: str | Refusal | None = None) -> None:
        self.events = events
        self.texts = texts
        self.outcome = _CLEAR if outcome is None and not texts else outcome


class JudgedStream(Stream):
    """A stream whose events wait for their verdicts."""

    __slots__ = ("_asked", "_cutter", "_fault", "_gathered", "_hearing", "_line", "_over", "_size", "_wakes")

    def __init__(self, ex: Exchange, *args: Any, **named: Any) -> None:
        super().__init__(ex, *args, **named)
        self._hearing: Hearing = ex.judged
        self._cutter = Cutter(self._hearing.guard.pieces)
        self._gathered: list[bytes] = []
        self._line: deque[Piece] = deque()
        self._asked: dict[asyncio.Task[None], Piece] = {}
        self._size = 0
        self._over = False  # the partner has said its last word
        self._fault: BaseException | None = None
        self._wakes: asyncio.Future[None] | None = None
        ex.held[_STREAM] = self

    def rejoin(self, *args: Any) -> None:
        """See Stream. What the first partner said before is still shown to the judges again."""
        super().rejoin(*args)
        self._over = False

    # -- from the partner ------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """One read of the partner's body (Sink)."""
        if self.failure is not None or self.done or self._over:
            return
        events: list[bytes] = []
        try:
            events = self._events.feed(data)
            if self.reader is not None:
                events = self._translate(self.reader, events)
        except EventTooLargeError:
            self.failure = self._broken()
        failure, self.failure = self.failure, None  # its turn comes after what was said before it
        for event in events:
            self._gather(event)
        self._size += len(data)
        if failure is None and self._size > BODY_LIMIT:
            failure = self._broken()
        if failure is not None:
            self._close(failure)
        if events and self.committed and self.connection is not None:
            self.connection.heard()
        self._go_on()

    def _broken(self) -> Refusal:
        return Refusal("upstream_broken", route=self._plan.route.badge)

    def _gather(self, event: bytes) -> None:
        """One more event: it joins the piece, or is what ends it."""
        if self._over:
            return
        chunk = None
        if event != DONE:
            try:
                chunk = self._dialect.read_chunk(event)
            except self._dialect.BrokenAnswerError:
                self._over = True
        if chunk is None or chunk.error is not None or len(chunk.choices) != 1:
            self._close()
            self._gathered.append(event)  # the stream itself reads it in its turn: an end, a failure, a count
            self._close()
            self._over = self._over or event == DONE
            return
        choice = chunk.choices[0]
        texts = heard(choice.delta)
        if any(self._cutter.ends_before(channel, text) for channel, text in texts.items()):
            self._close()
        self._gathered.append(event)
        ends = [self._cutter.add(channel, text) for channel, text in texts.items()]
        if any(ends) or choice.finish_reason is not None or self._cutter.is_empty:
            self._close()

    def _close(self, outcome: Refusal | None = None) -> None:
        """What was gathered is a piece; `outcome` comes after it."""
        if self._gathered:
            self._line.append(Piece(self._gathered, self._cutter.take()))
            self._gathered = []
        if outcome is not None:
            self._over = True
            self._line.append(Piece([], {}, outcome))

    # -- to the judges and on --------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Pass on what may go on, end what must end, and ask about what comes next."""
        events: list[bytes] = []
        while self._line and self._line[0].outcome == _CLEAR:
            events += self._line.popleft().events
        if events:
            out: list[bytes] = []
            self._take(events, out)
            self._show(out)
        if self.failure is None and not self.done:
            if self._line and self._line[0].outcome is not None:
                self._end_early(self._line[0])
            else:
                self._ask()
        if self._wakes is not None and not self._wakes.done() and self._is_settled():
            self._wakes.set_result(None)

    def _show(self, out: list[bytes]) -> None:
        if self._must_end() and self.replay is not None:
            self.replay.forget()
        if out and (self.failure is None or self.failure.code != "stream_ended"):
            self._send(b"".join(out))
        if self.failure is not None:
            self._cut()

    def _end_early(self, piece: Piece) -> None:
        if isinstance(piece.outcome, Refusal):
            self.failure = piece.outcome
        else:
            stop(self._ex, str(piece.outcome))
            self._remember(piece.events[0])
            self.done = True
        self._cut()

    def _ask(self) -> None:
        for piece in self._line:
            if len(self._asked) >= AHEAD:
                return
            if piece.outcome is None and piece not in self._asked.values():
                task = asyncio.get_running_loop().create_task(self._judge(piece))
                self._asked[task] = piece
                task.add_done_callback(self._told)

    async def _judge(self, piece: Piece) -> None:
        try:
            piece.outcome = await self._hearing.ask(self._ex, piece.texts)
        except Refusal as refusal:
            piece.outcome = refusal

    def _told(self, task: asyncio.Task[None]) -> None:
        if self._asked.pop(task, None) is None or task.cancelled():
            return
        self._fault = task.exception()
        if self._fault is not None:  # a mistake of ours: nothing more is shown, and whoever waits hears of it
            self.failure = Refusal("internal", receipt=self._ex.id)
            self._cut()
        else:
            self._go_on()

    # -- the end ---------------------------------------------------------------------------------------------

    def _is_settled(self) -> bool:
        return self.done or self.failure is not None or not self._line

    async def settled(self) -> None:
        """The partner says no more: wait until all that it said was judged and went on, or the stream ended."""
        if self.failure is None and not self.done:
            self._close()
            self._go_on()
        while not self._is_settled():
            self._wakes = asyncio.get_running_loop().create_future()
            await self._wakes
        if self._fault is not None:
            raise self._fault

    def _cut(self) -> None:
        """See Stream; nobody is asked any more, either."""
        super()._cut()
        self.drop()
        if self._wakes is not None and not self._wakes.done():
            self._wakes.set_result(None)

    def drop(self) -> None:
        """Let go of what waits. Its partner has said it, and bills it."""
        asked, self._asked = self._asked, {}
        for task in asked:
            task.cancel()
        waiting = [event for piece in self._line for event in piece.events] + self._gathered
        self._line.clear()
        self._gathered = []
        for event in waiting:
            self._count(event)

    def _count(self, event: bytes) -> None:
        if event == DONE:
            return
        try:
            chunk = self._dialect.read_chunk(event)
        except self._dialect.BrokenAnswerError:
            return
        if chunk.usage is not None:
            self._used(chunk)
        for choice in chunk.choices:
            self._heard.extend((channel, [text]) for channel, text in answer.texts(choice.delta).items())


def heard(said: Said) -> dict[str, str]:
    """The texts of a message or delta that are judged, by channel: all but names and ids."""
    return {channel: text for channel, text in answer.texts(said).items() if not channel.startswith(("name:", "id:"))}


async def send(
    sender: Sender, c: Corridor, ex: Exchange, plan: Plan, wire: bytes, request: Request, door: Door,
    voice: Voice | None,
) -> tuple[Answer | str, Stream | None]:  # fmt: skip
    """As `sender`, for an exchange whose answer is judged: what comes back may be shown, or is stopped (ex.blocked).

    Raises Refusal answer_not_judged while nothing was shown.
    """
    began = c.clock.monotonic()
    try:
        got, stream = await sender(c, ex, plan, wire, request, door, voice)
        if isinstance(stream, JudgedStream):
            await settle(stream, got)
        if isinstance(got, Answer) and got.status == _OK and not got.streamed:
            await _whole(c, ex, plan, got)
    except Refusal as refusal:
        if refusal.code == _UNJUDGED:
            await _unshown(c, ex, plan, refusal, began)
        raise
    finally:
        drop(ex)
    if stream is not None and not stream.committed and stream.failure is not None and stream.failure.code == _UNJUDGED:
        await _unshown(c, ex, plan, stream.failure, began)
        raise stream.failure
    return got, stream


async def settle(stream: Stream, got: Answer | str | None) -> None:
    """Wait for the last verdicts. `got`: how the exchange with the partner ended."""
    if not isinstance(stream, JudgedStream):
        return
    if not isinstance(got, Answer) and not stream.committed and stream.failure is None and not stream.done:
        stream.drop()
        return
    await stream.settled()


def drop(ex: Exchange) -> None:
    """Nobody waits for the answer any more."""
    stream: JudgedStream | None = ex.held.get(_STREAM)
    if stream is not None:
        stream.drop()


async def _whole(c: Corridor, ex: Exchange, plan: Plan, got: Answer) -> None:
    """Judge an answer that came in one. One that is not its partner's wire is left to whoever reads it next."""
    way = c.ways[plan.route.name]
    try:
        typed = way.dialect.read_answer(got.body if way.to_chat is None else way.to_chat(got.body))
    except way.dialect.BrokenAnswerError:
        return
    if len(typed.choices) != 1:
        return
    said = typed.choices[0].message
    for index, call in enumerate(said.tool_calls or ()):
        call.index = index
    ex.usage = typed.usage
    ex.heard = [(channel, [text]) for channel, text in answer.texts(said).items()]
    await asyncio.sleep(0)  # judges need a task around them (gateway.errand)
    category = await ex.judged.whole(ex, heard(said))
    if category:
        stop(ex, category)


async def _unshown(c: Corridor, ex: Exchange, plan: Plan, refusal: Refusal, began: float) -> None:
    """The route has answered, and its answer cannot be shown: what that cost is the operator's, and is noted."""
    cost = await spent.attempt(ex, c.quota.prices)
    spent_us = int((c.clock.monotonic() - began) * 1e6)
    ex.attempts.append(Attempt(plan.route.name, "refused", refusal.code, spent_us, cost or msgspec.UNSET))
