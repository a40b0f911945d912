-- Posts orders with a key of their own, and tells how many were answered with 202.
-- wrk runs one copy of `request` and `response` in each thread; `setup` and `done` run once.
local threads = {}

function setup(thread)
  thread:set("number", #threads * 10000000)
  thread:set("accepted", 0)
  thread:set("others", 0)
  table.insert(threads, thread)
end

function request()
  number = number + 1
  local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = "wrk-" .. number }
  local body = '{"order":{"id":"W' .. number .. '","customer_code":"C-0042","currency":"USD","warehouse":"MAIN",'
    .. '"ship_to":{"name":"A. Shopper","street":"2 Elm Street","city":"Oslo","zip":"0024","country":"NO"},'
    .. '"items":[{"sku":"00041","qty":2,"unit_price":12.5,"title":"Hex bolt, box of 100"},'
    .. '{"sku":"00042","qty":1,"unit_price":99.95,"title":"Torque wrench"}]}}'
  return wrk.format("POST", nil, headers, body)
end

function response(status)
  if status == 202 then accepted = accepted + 1 else others = others + 1 end
end

function done(summary, latency)
  local accepted, others = 0, 0
  for _, thread in ipairs(threads) do
    accepted = accepted + thread:get("accepted")
    others = others + thread:get("others")
  end
  io.write(string.format(
    '{"accepted": %d, "others": %d, "seconds": %f, "p50": %f, "p99": %f}\n',
    accepted, others, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
