"""The steps of a limit as Lua scripts: each runs on the server as one, by the server's clock. Pure.

What is kept, by key:

    PREFIX:processes            the processes that are heard of: when the lease of each ends, in Unix milliseconds
    PREFIX:session:PROCESS      the number of its present connection: what an earlier one sends late is not carried out
    PREFIX:holds:PROCESS        its attempts under way
    PREFIX:UNIT:LIMIT:SUBJECT:START
                                a balance: `s|PROCESS` is what it has spent of it, `r|PROCESS` what it has reserved

A process adds only to what is its own, so it can state all of it again after the server has lost it. Whatever a process
whose lease is over has reserved counts as spent in a minute, and not at all among those under way.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Script(NamedTuple):
    """A script and the name by which a server knows it."""

    text: str
    sha: str


def _script(*parts: str) -> Script:
    text = "\n".join(parts)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


_CLOCK = """\
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local process, session = ARGV[1], ARGV[2]
local known = {}
local function alive(name)
  if known[name] == nil then
    local till = redis.call('ZSCORE', KEYS[1], name)
    known[name] = till ~= false and tonumber(till) > now
  end
  return known[name]
end"""

_FENCE = """\
if redis.call('GET', KEYS[2]) ~= session or not alive(process) then return {-1, time[1], time[2]} end"""

_SUMS = """\
local function sums(key, is_window)
  local spent, reserved = 0, 0
  local all = redis.call('HGETALL', key)
  for at = 1, #all, 2 do
    local amount = tonumber(all[at + 1])
    if string.sub(all[at], 1, 2) == 's|' then
      spent = spent + amount
    elseif alive(string.sub(all[at], 3)) then
      reserved = reserved + amount
    elseif is_window then
      spent = spent + amount
    else
      redis.call('HDEL', key, all[at])
    end
  end
  return spent, reserved
end"""

RESERVE = _script(
    _CLOCK,
    _FENCE,
    _SUMS,
    """\
local attempt = ARGV[3]
if redis.call('SISMEMBER', KEYS[3], attempt) == 1 then return {1, time[1], time[2]} end
local taken, held, counted = {}, {}, {}
for claim = 0, (#KEYS - 3) / 2 - 1 do
  local key, before, at = KEYS[4 + 2 * claim], KEYS[5 + 2 * claim], 5 + 5 * claim
  local amount, ceiling, share = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  if ceiling ~= '' then
    local spent, reserved = sums(key, ARGV[at + 3] == '1')
    if share > 0 then spent = spent + math.ceil(sums(before, true) * share / 1000) end
    counted[claim] = spent + reserved
    reserved = reserved + (taken[key] or 0)
    if amount > 0 and spent + reserved + amount > tonumber(ceiling) then
      return {0, time[1], time[2], claim, spent, reserved}
    end
    taken[key] = (taken[key] or 0) + amount
  end
end
for claim = 0, (#KEYS - 3) / 2 - 1 do
  local key, at = KEYS[4 + 2 * claim], 5 + 5 * claim
  if ARGV[at] ~= '0' then redis.call('HINCRBY', key, 'r|' .. process, ARGV[at]) end
  redis.call('PEXPIRE', key, ARGV[at + 4])
  held[key] = (held[key] or 0) + tonumber(ARGV[at])
end
redis.call('SADD', KEYS[3], attempt)
redis.call('PEXPIRE', KEYS[3], ARGV[4] * 4)
local reply = {1, time[1], time[2]}
for claim = 0, (#KEYS - 3) / 2 - 1 do
  local ceiling = ARGV[6 + 5 * claim]
  local left = ceiling ~= '' and tonumber(ceiling) - counted[claim] - held[KEYS[4 + 2 * claim]] or 0
  reply[#reply + 1] = math.max(0, left)
end
return reply""",
)
"""Hold all claims of an attempt, or none.

Keys: processes, session, holds, and of each claim its balance and that of the minute before. Arguments: process,
session, attempt, milliseconds of the lease, and of each claim the amount, the ceiling (empty: none), the share of the
minute before, whether it is a minute's, and how long its balance is kept. Returns 1 with what is left of each claim's
ceiling (nothing if the attempt held them before), or 0 with the first claim that does not fit and the state of its
balance; the server's time in any case, and -1 if the process must join again.
"""

_GIVE_BACK = """\
  local key, own = KEYS[4 + claim], 'r|' .. process
  if ARGV[at] ~= '0' and redis.call('HINCRBY', key, own, '-' .. ARGV[at]) <= 0 then redis.call('HDEL', key, own) end"""

SETTLE = _script(
    _CLOCK,
    _FENCE,
    """\
if redis.call('SREM', KEYS[3], ARGV[3]) == 0 then return {0, time[1], time[2]} end
for claim = 0, #KEYS - 4 do
  local at = 4 + 3 * claim""",
    _GIVE_BACK,
    """\
  if ARGV[at + 1] ~= '0' then redis.call('HINCRBY', key, 's|' .. process, ARGV[at + 1]) end
  redis.call('PEXPIRE', key, ARGV[at + 2])
end
return {1, time[1], time[2]}""",
)
"""Spend what an attempt has used instead of what it held; once, however often it is called.

Keys: processes, session, holds, balances. Arguments: process, session, attempt, and of each claim the amount, what is
charged, and how long its balance is kept.
"""

RELEASE = _script(
    _CLOCK,
    _FENCE,
    """\
if redis.call('SREM', KEYS[3], ARGV[3]) == 0 then return {0, time[1], time[2]} end
for claim = 0, #KEYS - 4 do
  local at = 4 + claim""",
    _GIVE_BACK,
    """\
end
return {1, time[1], time[2]}""",
)
"""Give back what an attempt held, as if it had never been.

Keys: processes, session, holds, balances. Arguments: process, session, attempt, and of each claim the amount.
"""

_LEASED = """\
local lease = ARGV[3]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + lease), process)
for at = 1, 3 do redis.call('PEXPIRE', KEYS[at], lease * 4) end"""

RENEW = _script(
    _CLOCK,
    _FENCE,
    _LEASED,
    """\
for at = 4, #KEYS do redis.call('PEXPIRE', KEYS[at], lease * 4) end
return {1, time[1], time[2], redis.call('ZCARD', KEYS[1])}""",
)
"""Renew the lease of a process, and return how many processes there are.

Keys: processes, session, holds, balances of what is under way. Arguments: process, session, milliseconds of the lease.
"""

JOIN = _script(
    _CLOCK,
    """\
local former = redis.call('GET', KEYS[2])
if former and tonumber(former) >= tonumber(session) then return {-1, time[1], time[2]} end
redis.call('SET', KEYS[2], session)
redis.call('DEL', KEYS[3])
local count = tonumber(ARGV[4])
for at = 5, 4 + count do redis.call('SADD', KEYS[3], ARGV[at]) end""",
    _LEASED,
    """\
for balance = 0, #KEYS - 4 do
  local key, at = KEYS[4 + balance], 5 + count + 3 * balance
  redis.call('HDEL', key, 's|' .. process, 'r|' .. process)
  if ARGV[at] ~= '0' then redis.call('HSET', key, 's|' .. process, ARGV[at]) end
  if ARGV[at + 1] ~= '0' then redis.call('HSET', key, 'r|' .. process, ARGV[at + 1]) end
  redis.call('PEXPIRE', key, ARGV[at + 2])
end
return {1, time[1], time[2], redis.call('ZCARD', KEYS[1])}""",
)
"""Begin a session: state all that a process holds and has spent, whatever the server knew of it before.

Keys: processes, session, holds, balances. Arguments: process, session, milliseconds of the lease, how many attempts are
under way, those attempts, and of each balance what is spent, what is reserved, and how long it is kept.
"""

LEAVE = _script(
    _CLOCK,
    _FENCE,
    """\
if redis.call('SCARD', KEYS[3]) > 0 then return {0, time[1], time[2]} end
redis.call('ZREM', KEYS[1], process)
redis.call('DEL', KEYS[2])
return {1, time[1], time[2]}""",
)
"""End the lease of a process that has nothing under way. Keys: processes, session, holds. Arguments: process,
session."""

READ = _script(
    _CLOCK,
    _FENCE,
    _SUMS,
    """\
local found = {1, time[1], time[2]}
for at = 4, #KEYS do
  local spent, reserved = sums(KEYS[at], ARGV[at - 1] == '1')
  found[#found + 1], found[#found + 2] = spent, reserved
end
return found""",
)
"""Return what is spent and reserved of balances. Keys: processes, session, holds, balances. Arguments: process,
session, and of each balance whether it is a minute's."""
