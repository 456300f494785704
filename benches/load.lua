-- What wrk sends: method, body and key come from the environment; @N@ in the body counts up.
local body = os.getenv("BENCH_BODY") or ""
local n = 0

wrk.method = os.getenv("BENCH_METHOD") or "GET"
wrk.headers["Authorization"] = "Bearer " .. (os.getenv("BENCH_KEY") or "")
if body ~= "" then
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = body
end
if body:find("@N@", 1, true) then
  request = function()
    n = n + 1
    return wrk.format(nil, nil, nil, (body:gsub("@N@", tostring(n))))
  end
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50_ms": %f, "p99_ms": %f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
