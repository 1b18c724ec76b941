// What the exporter tells: a stream of events, or the same asked for again and again where no stream can be had.

const SILENT = 12_000; // ms without a byte after which the stream is given up: something comes at least every 5 s
const PATIENCE = 5_000;
const POLL = 2_000;
const AGAIN = 1_000;
const BRIEF = 250;
const STREAM_AFTER = 15; // polls until a stream is tried once more
const LONGEST = 64 * 1024 * 1024; // characters of one event

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Events of a stream as [event, data]; comments come as ["", ""], since they prove that somebody is there. */
async function* events(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    rest += value.replaceAll("\r\n", "\n");
    if (rest.length > LONGEST) throw new Error("an event is too long");
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = block.split("\n");
      const of = (field) => fields.filter((line) => line.startsWith(field)).map((line) => line.slice(field.length).trimStart());
      yield [of("event:")[0] ?? "message", of("data:").join("\n")];
    }
  }
}

/** Keeps `systems` (name -> summary, each with `at`, when it was heard) and `exporter` fresh, and tells of each change. */
export class Feed {
  systems = new Map();
  exporter = null;
  heardAt = 0;
  state = "waiting"; // live, polling, lost
  #query;
  #tell;
  #tellState;
  #stop = null;
  #polls = 0;
  #failures = 0;

  constructor({ onChange, onState }) {
    this.#tell = onChange;
    this.#tellState = onState;
  }

  /** Starts, or starts anew with other filters. */
  async run(query) {
    this.#stop?.abort();
    const stop = (this.#stop = new AbortController());
    this.#query = query;
    this.#polls = 0;
    while (!stop.signal.aborted) {
      try {
        if (this.#polls % STREAM_AFTER === 0 && (await this.#stream(stop.signal))) {
          await wait(BRIEF); // it ended well: the exporter stops, or wants us to come anew
          continue;
        }
        this.#polls += 1;
        await this.#poll(stop.signal);
        await wait(POLL);
      } catch {
        if (stop.signal.aborted) return;
        this.#polls = 0;
        this.#failures += 1;
        if (this.#failures === 1) continue; // one broken connection is no lost exporter yet: ask again at once
        this.#become("lost");
        await wait(AGAIN);
      }
    }
  }

  /** Seconds since what is shown was heard; it stands still while nobody is there. */
  age(item) {
    return ((this.state === "lost" ? this.heardAt : performance.now()) - item.at) / 1000;
  }

  /** The exporter's wall clock (Unix seconds), carried on by our own steady one. */
  now() {
    return this.exporter ? this.exporter.now + (performance.now() - this.exporter.at) / 1000 : null;
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tellState(state);
  }

  /** Follows the stream to its end. False: there is none, so ask instead. Throws when nobody answers. */
  async #stream(stop) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), PATIENCE);
    const heard = (ms = SILENT) => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), ms);
      this.heardAt = performance.now();
    };
    try {
      const signal = AbortSignal.any([stop, silence.signal]);
      const answer = await fetch(`/api/v1/stream${this.#query}`, { signal, headers: { Accept: "text/event-stream" } });
      if (!answer.ok || !answer.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        await answer.body?.cancel();
        return false;
      }
      for await (const [event, data] of events(answer.body, heard)) {
        if (event !== "hello" && event !== "systems") continue;
        this.#take(JSON.parse(data), event === "hello");
        this.#become("live");
      }
      return true;
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  async #poll(stop) {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(PATIENCE)]);
    const answer = await fetch(`/api/v1/systems${this.#query}`, { signal });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const told = await answer.json();
    const wanted = new URLSearchParams(this.#query);
    const fits = (key, values) => !wanted.get(key) || values.includes(wanted.get(key));
    told.items = told.items.filter(
      (item) => fits("tier", [item.tier]) && fits("system", [item.name]) && fits("site", item.sites.map((site) => site.name)),
    );
    this.heardAt = performance.now();
    this.#take(told, true);
    this.#become("polling");
  }

  #take(told, whole) {
    const at = performance.now();
    this.#failures = 0;
    this.exporter = { ...told.exporter, at };
    const removed = whole ? [...this.systems.keys()] : told.removed ?? [];
    const before = new Map(told.items.map((item) => [item.name, this.systems.get(item.name)]));
    for (const name of removed) this.systems.delete(name);
    for (const item of told.items) this.systems.set(item.name, { ...item, at });
    this.#tell(told.items.map((item) => item.name), before, whole);
  }
}
