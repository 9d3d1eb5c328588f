// The JavaScript half of streaming.py, loaded once when the application starts.

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// What became of the streams: GET /events/state.
const state = { open: 0, finished: 0, cancelled: [] };

// GET /rows: objects, as fast as the client reads them.
async function* rows(count) {
  for (let id = 0; id < count; id++) {
    yield { id, square: id * id };
  }
}

// GET /events: a clock that ticks until the client has enough, or hangs up.
function ticks(count, milliseconds) {
  let tick = 0;
  state.open += 1;
  return new ReadableStream({
    async pull(controller) {
      if (tick === count) {
        state.open -= 1;
        state.finished += 1;
        controller.close();
        return;
      }
      await pause(milliseconds);
      controller.enqueue(`event: tick\ndata: ${JSON.stringify({ tick: tick++ })}\n\n`);
    },
    cancel(reason) {
      state.open -= 1;
      state.cancelled.push(`${reason.name}: ${reason.message}`);
    },
  }, { highWaterMark: 0 });
}

// Splits text into lines, wherever the chunks end.
function splitLines() {
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      lines.forEach((line) => controller.enqueue(line));
    },
    flush(controller) {
      if (rest !== "") {
        controller.enqueue(rest);
      }
    },
  });
}

// POST /upload: `body` is a ReadableStream of bytes, fed by the request.
async function summarize(body) {
  const summary = { lines: 0, words: 0, longest: "" };
  for await (const line of body.pipeThrough(new TextDecoderStream()).pipeThrough(splitLines())) {
    summary.lines += 1;
    summary.words += line.split(/\s+/).filter(Boolean).length;
    if (line.length > summary.longest.length) {
      summary.longest = line;
    }
  }
  return summary;
}
