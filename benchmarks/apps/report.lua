-- For wrk: post the body given after "--", and print the figures as one line of JSON. Times are microseconds.

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = args[1]
end

function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    'FIGURES {"requests": %d, "micros": %d, "p50": %d, "p99": %d, "status_errors": %d, "socket_errors": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
