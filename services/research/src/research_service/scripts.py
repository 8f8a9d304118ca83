"""Redis keys, and scripts for changes that must be atomic.

The queue is one stream with one consumer group. An entry is removed only when its job has ended, so the
length of the stream is the number of unfinished jobs. It has no MAXLEN, which would drop jobs; new jobs are
rejected instead.
"""

QUEUE = "research:jobs"
GROUP = "workers"
DEAD_LETTERS = "research:dead"


def job_key(job_id: str) -> str:
    """Return the key of a job's hash."""
    return f"research:job:{job_id}"


def events_key(job_id: str) -> str:
    """Return the key of the stream of a job's events."""
    return f"research:events:{job_id}"


def ordered_at(entry: str) -> float:
    """Return the time of a job's submission in seconds since 1970, from its queue entry's id."""
    return int(entry.partition("-")[0]) / 1000


def tenant_key(tenant: str) -> str:
    """Return the key of the sorted set of a tenant's jobs, by time of submission."""
    return f"research:tenant:{tenant}"


# KEYS queue, job, events, jobs of the tenant; ARGV limit, lifetime, job id, tenant, state, now. Returns 0
# if the queue is full.
SUBMIT = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
local entry = redis.call('XADD', KEYS[1], '*', 'job', ARGV[3])
redis.call('HSET', KEYS[2], 'status', 'queued', 'entry', entry, 'tenant', ARGV[4],
           'state', ARGV[5])
redis.call('XADD', KEYS[3], '*', 'event', 'queued', 'data', '{}')
redis.call('ZADD', KEYS[4], ARGV[6], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', ARGV[6] - 2 * ARGV[2])
for _, key in ipairs({KEYS[2], KEYS[3], KEYS[4]}) do redis.call('EXPIRE', key, ARGV[2]) end
return 1
"""

# KEYS queue, job, events; ARGV group. A running job is only marked, and its worker ends it.
CANCEL = """
local status = redis.call('HGET', KEYS[2], 'status')
if status == 'running' then
    redis.call('HSET', KEYS[2], 'cancel', '1')
    return 'running'
end
if status ~= 'queued' then return 'ended' end
local entry = redis.call('HGET', KEYS[2], 'entry')
redis.call('XACK', KEYS[1], ARGV[1], entry)
redis.call('XDEL', KEYS[1], entry)
redis.call('HSET', KEYS[2], 'status', 'cancelled')
redis.call('XADD', KEYS[3], '*', 'event', 'cancelled', 'data', '{}')
return 'cancelled'
"""

# KEYS queue, job, events, and the dead letters if the job goes there; ARGV group, consumer, entry,
# lifetime, event or '', its data, '1' to end the job, then fields and values of the job. Only the consumer
# that holds the entry may write, so that a consumer that was silent for too long cannot disturb the one that
# took over. Every write is a heartbeat.
WRITE = """
local group, consumer, entry = ARGV[1], ARGV[2], ARGV[3]
local event, data, finish = ARGV[5], ARGV[6], ARGV[7] == '1'
if #redis.call('XPENDING', KEYS[1], group, entry, entry, 1, consumer) == 0 then return 'lost' end
local status = redis.call('HGET', KEYS[2], 'status')
local answer = 'ok'
if status ~= 'queued' and status ~= 'running' then
    answer, event, finish = 'lost', '', true
elseif redis.call('HEXISTS', KEYS[2], 'cancel') == 1 then
    redis.call('HSET', KEYS[2], 'status', 'cancelled')
    answer, event, data, finish = 'cancelled', 'cancelled', '{}', true
else
    if #ARGV > 7 then redis.call('HSET', KEYS[2], unpack(ARGV, 8)) end
    if KEYS[4] then redis.call('XADD', KEYS[4], 'MAXLEN', '~', 1000, '*', 'key', KEYS[2]) end
end
if event ~= '' then redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'event', event, 'data', data) end
redis.call('EXPIRE', KEYS[2], ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[4])
if finish then
    redis.call('XACK', KEYS[1], group, entry)
    redis.call('XDEL', KEYS[1], entry)
else
    redis.call('XCLAIM', KEYS[1], group, consumer, 0, entry, 'JUSTID')
end
return answer
"""

# KEYS queue; ARGV group, consumer, entry, idle milliseconds, deliveries. The next worker finds the entry
# immediately; this delivery does not count.
HAND_BACK = """
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3],
           'IDLE', ARGV[4], 'RETRYCOUNT', ARGV[5] - 1, 'JUSTID')
return 1
"""
