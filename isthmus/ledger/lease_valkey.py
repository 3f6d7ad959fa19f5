"""Leases in Valkey (or Redis): one hash per budget and window, changed by one script, which runs alone.

A grant counts as given only when it is on the disk (WAITAOF): without an append-only file a restarted store would
forget what was spent, so a store that keeps none is refused. Numbers stay exact up to 2**53 (Lua's doubles).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from isthmus.core.errors import Refusal
from isthmus.ledger.leases import KEEP_MS, SHARE, TTL_MS, Claim, Held, Level, Standing, StoreDownError

_PATIENCE_S = 3.0  # for a store that does not answer
_PREFIX = "isthmus"
_OLDEST = (7, 2)  # the first that tells when a write is on the disk (WAITAOF)

# The same rule as leases.decide. Fields: taken, settled, and per holder g: granted, u: used, e: expires, s: slot.
_SCRIPT = """
local key, index = KEYS[1], KEYS[2]
local holder, now, share = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local ttl, keep = tonumber(ARGV[4]), tonumber(ARGV[5])
local starts, ends, limit = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local slot, used = ARGV[9], tonumber(ARGV[10])
local least, needed, target = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local closes = ARGV[14] == '1'
local function text(number) return string.format('%.0f', number) end
local function get(field) return tonumber(redis.call('HGET', key, field) or '0') end

local taken = get('taken')
if starts == 0 then
  local all = redis.call('HGETALL', key)
  for place = 1, #all, 2 do
    local other = string.match(all[place], '^e:(.*)$')
    if other and other ~= holder and tonumber(all[place + 1]) <= now then
      taken = taken - get('g:' .. other)
      redis.call('HDEL', key, 'g:' .. other, 'u:' .. other, 'e:' .. other, 's:' .. other)
    end
  end
end
local known = redis.call('HGET', key, 'g:' .. holder)
local granted = tonumber(known or '0')
local spent = starts == 0 and 0 or used
local new = granted
if closes then
  new = 0
  if known then
    taken = taken + spent - granted
    redis.call('HSET', key, 'settled', text(get('settled') + spent))
    redis.call('HDEL', key, 'g:' .. holder, 'u:' .. holder, 'e:' .. holder, 's:' .. holder)
  end
  redis.call('SREM', index, key)
else
  local room = limit - taken
  if target <= granted then
    new = math.max(target, spent)
  elseif least - granted > room then
    new = math.max(granted, spent)
  else
    local wanted = math.max(needed - granted, math.min(target - granted, math.floor(room / share)))
    new = math.max(granted + math.max(0, math.min(wanted, room)), spent)
  end
  taken = taken + new - granted
  redis.call('HSET', key, 'g:' .. holder, text(new), 'u:' .. holder, text(used), 'e:' .. holder, text(now + ttl),
    's:' .. holder, slot)
  redis.call('SADD', index, key)
end
redis.call('HSET', key, 'taken', text(taken))
if ends > 0 then redis.call('PEXPIREAT', key, text(ends * 1000 + keep)) end
return {text(new), text(limit - taken)}
"""


class ValkeyLeases:
    """A Store in Valkey or Redis (7.2 or newer), on one server or a primary; not on a cluster."""

    def __init__(self, url: str) -> None:
        """`url` as the client reads it, such as valkey://host:6379/0. Raises Refusal usage."""
        try:
            import valkey
        except ModuleNotFoundError:
            raise Refusal("usage", reason="valkey is missing. Install isthmus[valkey].") from None
        self._down = valkey.exceptions.ValkeyError
        address = url.replace("redis://", "valkey://", 1).replace("rediss://", "valkeys://", 1)
        self._client: Any = valkey.Valkey.from_url(
            address, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S, decode_responses=True
        )
        self._meet: Any = self._client.register_script(_SCRIPT)
        self._checked = False
        with contextlib.suppress(StoreDownError):  # a store that comes up later is checked then
            self._check()

    def _check(self) -> None:
        """Raises Refusal usage when the store cannot keep what it promises, StoreDownError when it does not answer."""
        told = self._ask("info")
        version = str(told["redis_version"])
        if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
            raise Refusal("usage", reason=f"The store of leases has version {version}; 7.2 is the oldest that will do.")
        if told.get("aof_enabled") != 1:
            reason = "The store of leases keeps no append-only file, so a restart would forget what was spent."
            raise Refusal("usage", reason=f"{reason} Set `appendonly yes` there.")
        self._checked = True

    def settle(self, holder: str, claims: Sequence[Claim], now_ms: int) -> list[Standing]:
        """Meet claims, each on its own; return when they are on the disk."""
        if not self._checked:
            try:
                self._check()
            except Refusal:
                raise StoreDownError("no append-only file") from None
        try:
            with self._client.pipeline(transaction=False) as pipe:
                for claim in claims:
                    keys = [_key(claim.budget, claim.starts), f"{_PREFIX}:holder:{holder}"]
                    self._meet(
                        keys=keys,
                        args=[
                            holder, now_ms, SHARE, TTL_MS, KEEP_MS, claim.starts, claim.ends, claim.limit, claim.slot,
                            claim.used, claim.least, claim.needed, claim.target, int(claim.closes),
                        ],
                        client=pipe,
                    )  # fmt: skip
                pipe.execute_command("WAITAOF", 1, 0, int(_PATIENCE_S * 1000) - 500)
                *answers, synced = pipe.execute()
        except self._down as error:
            raise StoreDownError(type(error).__name__) from None
        if int(synced[0]) < 1:
            raise StoreDownError("not on the disk")
        return [Standing(int(granted), int(left)) for granted, left in answers]

    def held_by(self, holder: str) -> list[Held]:
        """Every open lease of a holder."""
        found = []
        for key in sorted(self._ask("smembers", f"{_PREFIX}:holder:{holder}")):
            words = self._ask("hmget", key, f"g:{holder}", f"u:{holder}", f"s:{holder}")
            if words[0] is not None:
                _, _, budget, starts = key.split(":", 3)
                found.append(Held(budget, int(starts), int(words[2]), int(words[0]), int(words[1])))
        return found

    def level(self, budget: str, starts: int, now_ms: int) -> Level:
        """Where one window of a budget stands."""
        words = self._ask("hgetall", _key(budget, starts))
        live = [name[2:] for name, value in words.items() if name.startswith("e:") and int(value) > now_ms]
        used = sum(int(words[f"u:{holder}"]) for holder in live)
        reserved = sum(int(words[f"g:{holder}"]) for holder in live) - used
        return Level(int(words.get("taken", 0)) - reserved if starts else used, reserved)

    def tidy(self, now_ms: int) -> None:
        """The store drops old windows by itself: every hash has its end."""

    def close(self) -> None:
        """Let go of every connection."""
        self._client.close()

    def _ask(self, command: str, *words: str) -> Any:
        try:
            return getattr(self._client, command)(*words)
        except self._down as error:
            raise StoreDownError(type(error).__name__) from None


def _key(budget: str, starts: int) -> str:
    return f"{_PREFIX}:budget:{budget}:{starts}"
