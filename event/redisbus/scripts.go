package redisbus

import "github.com/redis/go-redis/v9"

// Each script works on one stream, the only key.

// extend starts the time of the ids anew that are with a member. An entry that
// somebody else has claimed stays there, which XCLAIM alone would not heed.
// Arguments: group, member, ids. It returns how many it has extended.
var extend = redis.NewScript(`
local n = 0
for i = 3, #ARGV do
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  if p[1] and p[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    n = n + 1
  end
end
return n`)

// giveBack lets the ids of a member look as if it had been silent for a day.
// Arguments: group, member, who holds them now, ids.
var giveBack = redis.NewScript(`
for i = 4, #ARGV do
  local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
  if p[1] and p[1][2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, ARGV[i], 'IDLE', 86400000, 'JUSTID')
  end
end
return 0`)

// forget removes members that hold nothing and have been silent for an hour, or are
// the one that leaves. To remove one that holds something would lose it.
// Arguments: group, who leaves.
var forget = redis.NewScript(`
local all = redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
for _, c in ipairs(all) do
  local f = {}
  for i = 1, #c, 2 do f[c[i]] = c[i + 1] end
  if f.pending == 0 and (f.name == ARGV[2] or f.idle > 3600000) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], f.name)
  end
end
return 0`)

// trim removes entries that are older than an id, or more than a number, unless a
// group has not settled them. Arguments: the id or ”, the number or 0. It returns
// how many it has removed.
var trim = redis.NewScript(`
local function less(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  if #am ~= #bm then return #am < #bm end
  if am ~= bm then return am < bm end
  if #as ~= #bs then return #as < #bs end
  return as < bs
end
local safe = nil
for _, g in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local f = {}
  for i = 1, #g, 2 do f[g[i]] = g[i + 1] end
  local low = f['last-delivered-id']
  if f.pending > 0 then
    local p = redis.call('XPENDING', KEYS[1], f.name)
    if less(p[2], low) then low = p[2] end
  end
  if not safe or less(low, safe) then safe = low end
end
local n = 0
if ARGV[1] ~= '' then
  local to = ARGV[1]
  if safe and less(safe, to) then to = safe end
  n = n + redis.call('XTRIM', KEYS[1], 'MINID', '~', to, 'LIMIT', 100000)
end
local over = tonumber(ARGV[2]) > 0 and redis.call('XLEN', KEYS[1]) - tonumber(ARGV[2]) or 0
if over > 0 then
  if safe then
    n = n + redis.call('XTRIM', KEYS[1], 'MINID', '~', safe, 'LIMIT', math.min(over, 100000))
  else
    n = n + redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[2], 'LIMIT', 100000)
  end
end
return n`)
