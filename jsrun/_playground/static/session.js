// The tab's session on the server: runs whose events are read as they come, cancelling, leaving.

export class Session {
  #token = null;

  /** Run code; yields the events of the run. Throws an `Error` for what the server refuses. */
  async *run(code) {
    const answer = await this.#post("api/run", { code, ...(this.#token && { session: this.#token }) });
    if (!answer.ok) {
      throw new Error(await reason(answer));
    }
    for await (const event of events(answer.body)) {
      if (event.event === "session") {
        this.#token = event.session;
      }
      yield event;
    }
  }

  /** Stop the run. */
  async cancel() {
    if (this.#token !== null) {
      await this.#post("api/cancel", { session: this.#token });
    }
  }

  /** Give the isolate back; the next run begins with a new one. */
  leave() {
    if (this.#token !== null) {
      const body = new Blob([JSON.stringify({ session: this.#token })], { type: "application/json" });
      this.#token = null;
      // It gets there even when the page goes away.
      navigator.sendBeacon("api/leave", body);
    }
  }

  #post(path, body) {
    const headers = { "content-type": "application/json" };
    return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  }
}

async function reason(answer) {
  try {
    return (await answer.json()).error;
  } catch {
    return `the server answered ${answer.status}`;
  }
}

// One JSON document a line.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      yield JSON.parse(line);
    }
  }
}
