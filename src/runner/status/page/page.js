"use strict";
/*
 * Shows the newest snapshot of /api/events. Everything is set as text, never as markup: names and outputs
 * are students'. Elements are kept and changed in place, so that focus and what a screen reader reads stay.
 */
(() => {
  const RETRY_MS = 10000;
  const OUTCOMES = ["passed", "failed", "error", "fault"];
  const MARKS = { passed: "✓ passed", failed: "✗ failed", error: "! error", fault: "! fault" };
  const FILES = { "report.html": "report", "job.log": "log", "stdout.log": "output", "stderr.log": "errors" };
  const SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  let snapshot = null;
  let skew = 0; // the runner's clock less ours
  let shownResults = null, shownPlots = null;

  // ---- small things

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const draw = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  // What reverses or hides the text around it is shown as a code.
  const plain = (text) => String(text ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu,
    (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));
  const now = () => Date.now() + skew;
  const duration = (ms) => {
    const s = Math.max(0, ms) / 1000;
    if (s < 9.95) return s.toFixed(1) + " s";
    if (s < 99.5) return Math.round(s) + " s";
    if (s < 5970) return Math.round(s / 60) + " min";
    return s < 172800 ? (s / 3600).toFixed(1) + " h" : Math.round(s / 86400) + " days";
  };
  const bytes = (n) => n >= 2 ** 30 ? (n / 2 ** 30).toFixed(1) + " GB" : Math.ceil(n / 2 ** 20) + " MB";
  const ago = (ms) => ms < 60000 ? "just now" : duration(ms) + " ago";
  const many = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const tail = (url) => plain(url).replace(/\/+$/, "").split("/").pop().replace(/\.git$/, "") || "(no repository)";

  // ---- now

  const slotCard = () => {
    const card = make("li");
    const title = make("h3"), where = make("p", { class: "quiet" }), test = make("p", { class: "test" });
    const rows = ["Stage", "Tests", "Memory"].map((name) => {
      const label = make("dt", {}, name), bar = make("i"), value = make("dd", { class: "value" });
      const track = make("dd", {}, make("div", { class: "bar", "aria-hidden": "true" }, bar));
      return { label, track, bar, value };
    });
    const list = make("dl");
    for (const row of rows) list.append(row.label, row.track, row.value);
    card.append(title, where, test, list);
    return Object.assign(card, { parts: { title, where, test, rows, list } });
  };
  const fill = (row, share, text) => {
    row.bar.style.width = Math.min(100, 100 * share) + "%";
    row.bar.className = share > 0.85 ? "high" : "";
    setText(row.value, text);
  };
  const showSlot = (card, slot) => {
    const { title, where, test, rows } = card.parts;
    const work = slot.repository === null ? "cleaning up" : tail(slot.repository);
    setText(title, `${work} · task ${plain(slot.id)}`);
    title.title = plain(slot.repository);
    setText(where, slot.repository === null ? "" :
      `lab ${slot.lab}, branch ${plain(slot.branch ?? "default")}${slot.commit ? ", commit " + plain(slot.commit).slice(0, 10) : ""}`);
    setText(test, slot.test ? `running ${plain(slot.test)} for ${duration(now() - slot.testStartedMs)}`
      : `started ${duration(now() - slot.startedMs)} ago`);
    const limit = snapshot.timeoutMs, elapsed = now() - (slot.stageStartedMs || slot.startedMs);
    fill(rows[0], limit ? elapsed / limit : 0,
      `${slot.stage ?? "starting"} ${duration(elapsed)}${limit ? " of " + duration(limit) : ""}`);
    const failed = slot.ended - slot.passed;
    fill(rows[1], slot.planned ? slot.ended / slot.planned : 0,
      `${slot.ended} of ${Math.max(slot.planned, slot.ended)}${failed ? `, ${failed} not passed` : ""}`);
    rows[1].bar.className = "";
    fill(rows[2], slot.memoryBytes / snapshot.memoryLimitBytes,
      slot.memoryBytes ? `${bytes(slot.memoryBytes)} of ${bytes(snapshot.memoryLimitBytes)}` : "not told");
  };
  const showSlots = () => {
    const list = $("slots"), cards = new Map([...list.children].map((card) => [card.id, card]));
    const wanted = snapshot.slots.map((slot) => {
      const id = `slot-${slot.slot}-${slot.key}`, card = cards.get(id) ?? slotCard();
      card.id = id;
      showSlot(card, slot);
      return card;
    });
    const free = snapshot.slotsTotal - snapshot.slotsBusy;
    if (free || snapshot.slotsLeftOut) {
      const card = cards.get("slot-free") ?? make("li", { class: "free", id: "slot-free" });
      setText(card, [free ? many(free, "free slot") : "", snapshot.slotsLeftOut ? `${snapshot.slotsLeftOut} more at work` : ""]
        .filter(Boolean).join(", "));
      wanted.push(card);
    }
    for (const card of [...list.children]) if (!wanted.includes(card)) card.remove();
    wanted.forEach((card, i) => { if (list.children[i] !== card) list.insertBefore(card, list.children[i] ?? null); });
  };
  const showState = () => {
    const texts = [];
    if (snapshot.closed) texts.push("No task is claimed: " + snapshot.closed);
    const { claims, login, disk } = snapshot.troubles;
    for (const text of [claims, login, disk]) if (text && !texts.some((t) => t.includes(text))) texts.push(text);
    const key = texts.join("\n");
    const state = $("state");
    if (state.dataset.key === key) return;
    state.dataset.key = key;
    state.replaceChildren(...texts.map((text) => make("p", { class: "banner warn" }, plain(text))));
  };
  const showDeliveries = () => {
    const { waiting, first } = snapshot.deliveries, why = snapshot.troubles.deliveries;
    const place = $("deliveries");
    if (!waiting) return place.replaceChildren();
    const oldest = first[0], next = oldest.nextMs - now();
    const text = `${many(waiting, "result")} ${waiting === 1 ? "waits" : "wait"} for the backend, the oldest for ` +
      `${duration(now() - oldest.sinceMs)}${oldest.failures ? `, tried ${many(oldest.failures, "time")}` : ""}` +
      `${next > 0 ? `, next try in ${duration(next)}` : ""}.${why ? " " + plain(why) + "." : ""}`;
    let line = place.firstElementChild;
    if (!line) place.append(line = make("p", {}));
    line.className = "banner" + (why ? " warn" : "");
    line.style.marginTop = ".8rem";
    setText(line, text);
  };

  // ---- plots: 72 columns of five minutes

  const WIDTH = 320, HEIGHT = 110, LEFT = 40, BOTTOM = 16;
  const nice = (x) => {
    const power = 10 ** Math.floor(Math.log10(Math.max(x, 1e-9)));
    return [1, 2, 5, 10].map((m) => m * power).find((m) => m >= x);
  };
  const plot = (title, value, top, label, paint, keys) => {
    const { binSeconds, bins } = snapshot.history, end = Math.floor(now() / 1000 / binSeconds) + 1;
    const column = (WIDTH - LEFT) / bins, height = HEIGHT - BOTTOM;
    const x = (start) => LEFT + (start / binSeconds - end + bins) * column, y = (v) => height - 4 - (height - 10) * v / top;
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${value}` });
    for (const v of [0, top]) {
      svg.append(draw("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(v), y2: y(v) }));
      svg.append(draw("text", { x: LEFT - 5, y: y(v) + 4, "text-anchor": "end" }, label(v)));
    }
    const hours = bins * binSeconds / 3600;
    svg.append(draw("text", { x: LEFT, y: HEIGHT - 2 }, `${hours} h ago`),
      draw("text", { x: WIDTH, y: HEIGHT - 2, "text-anchor": "end" }, "now"));
    paint(svg, x, y, column);
    const figure = make("figure", {}, make("figcaption", {}, make("b", {}, title), make("span", {}, value)), svg);
    if (keys) figure.append(make("div", { class: "key" }, ...keys.map((name) => make("span", { class: name }, name))));
    return figure;
  };
  const total = (row) => row[1] + row[2] + row[3] + row[4];
  // Of few tasks a share says little: so each point is of the hour before it.
  const rates = (rows) => rows.filter((row) => row[1] + row[2]).map((row) => {
    const hour = rows.filter((other) => other[0] <= row[0] && other[0] > row[0] - 3600);
    const passed = hour.reduce((sum, other) => sum + other[1], 0), failed = hour.reduce((sum, other) => sum + other[2], 0);
    return [row[0], 100 * passed / (passed + failed)];
  });
  const line = (svg, x, y, column, points) => {
    svg.append(draw("polyline", { class: "mean", points: points.map(([t, v]) => `${x(t) + column / 2},${y(v)}`).join(" ") }));
    for (const [t, v] of points) svg.append(draw("circle", { class: "dot", cx: x(t) + column / 2, cy: y(v), r: 2 }));
  };
  const showPlots = () => {
    const { rows, binSeconds, bins } = snapshot.history;
    const key = JSON.stringify(rows) + Math.floor(now() / 1000 / binSeconds);
    if (key === shownPlots) return;
    shownPlots = key;
    const all = rows.reduce((sum, row) => sum + total(row), 0);
    const passed = rows.reduce((sum, row) => sum + row[1], 0), failed = rows.reduce((sum, row) => sum + row[2], 0);
    const mean = all ? rows.reduce((sum, row) => sum + row[5] * total(row), 0) / all : 0;
    const most = nice(Math.max(4, ...rows.map(total))), longest = nice(Math.max(1, ...rows.map((row) => row[5] / 1000)));
    $("plots").replaceChildren(
      plot("Tasks in 5 minutes", `${all} in ${bins * binSeconds / 3600} h`, most, String, (svg, x, y, column) => {
        for (const row of rows) {
          let below = 0;
          OUTCOMES.forEach((name, i) => {
            const n = row[i + 1];
            if (n) svg.append(draw("rect", { class: name, x: x(row[0]) + 0.4, width: Math.max(1, column - 0.8), y: y(below + n), height: y(below) - y(below + n) }));
            below += n;
          });
        }
      }, OUTCOMES),
      plot("Time of a task", all ? `${duration(mean)} on average` : "no task yet", longest, (v) => v + " s",
        (svg, x, y, column) => line(svg, x, y, column, rows.map((row) => [row[0], row[5] / 1000]))),
      plot("Passed within an hour", passed + failed ? `${Math.round(100 * passed / (passed + failed))} %` : "no task yet", 100, (v) => v + " %",
        (svg, x, y, column) => line(svg, x, y, column, rates(rows))));
  };

  // ---- results

  const resultRow = (r) => {
    const row = make("tr", { "data-outcome": r.outcome });
    const number = (label, text) => make("td", { class: "number", "data-label": label }, text);
    const what = make("td", { class: "what" }, make("span", { title: plain(r.repository) }, tail(r.repository)),
      make("small", {}, `task ${plain(r.id)}${r.branch ? ", branch " + plain(r.branch) : ""}${r.commit ? ", " + plain(r.commit).slice(0, 10) : ""}`));
    const said = [plain(r.details), r.limits.length ? "limits reached: " + r.limits.join(", ") : ""].filter(Boolean).join("; ");
    if (said) what.append(make("small", {}, said));
    const files = make("td", { class: "files" });
    for (const name of r.files)
      files.append(make("a", { href: `/reports/${encodeURIComponent(r.key)}/${name}`, "aria-label": `${FILES[name] ?? name} of task ${plain(r.id)}` }, FILES[name] ?? name), " ");
    const when = make("time", { datetime: new Date(r.finished * 1000).toISOString(), title: new Date(r.finished * 1000).toLocaleString() });
    row.append(make("td", { class: "verdict " + r.outcome }, MARKS[r.outcome] ?? r.outcome), what, number("lab", String(r.lab)),
      number("tests", r.tests ? `${r.testsPassed}/${r.tests}` : ""), number("took", duration(r.durationMs)),
      number("memory", r.memoryBytes ? bytes(r.memoryBytes) : ""), make("td", { class: "when" }, when), files);
    row.dataset.text = `${plain(r.repository)} ${plain(r.id)} ${r.commit} ${plain(r.branch)} ${plain(r.details)}`.toLowerCase();
    row.dataset.key = r.key;
    return row;
  };
  const filter = () => {
    const outcome = $("outcome").value, text = $("search").value.trim().toLowerCase();
    let shown = 0;
    for (const row of $("rows").children) {
      row.hidden = (outcome && row.dataset.outcome !== outcome) || (text && !row.dataset.text.includes(text));
      shown += !row.hidden;
    }
    setText($("matches"), outcome || text ? `${shown} of ${$("rows").children.length} shown` : "");
  };
  const showResults = () => {
    const key = snapshot.results.map((r) => r.key).join();
    if (key !== shownResults) {
      shownResults = key;
      const old = new Map([...$("rows").children].map((row) => [row.dataset.key, row]));
      const wanted = snapshot.results.map((r) => old.get(r.key) ?? resultRow(r));
      for (const row of old.values()) if (!wanted.includes(row)) row.remove();
      wanted.forEach((row, i) => { if ($("rows").children[i] !== row) $("rows").insertBefore(row, $("rows").children[i] ?? null); });
      $("tools").hidden = !snapshot.results.length;
      $("none").hidden = snapshot.results.length > 0;
      filter();
    }
    for (const time of $("rows").querySelectorAll("time")) setText(time, ago(now() - Date.parse(time.dateTime)));
  };

  // ---- all of it

  const show = () => {
    if (!snapshot) return;
    setText($("name"), plain(snapshot.name));
    const t = snapshot.tasks;
    setText($("about"), `${snapshot.slotsBusy} of ${many(snapshot.slotsTotal, "slot")} busy, for ${plain(snapshot.backend)}. ` +
      `Started ${duration(now() - snapshot.startedMs)} ago; since then ${t.passed} passed, ${t.failed} failed, ${many(t.error, "error")}, ${many(t.fault, "fault")}.`);
    setText($("version"), "ostest-runner " + snapshot.version);
    document.title = `${snapshot.slotsBusy}/${snapshot.slotsTotal} ${snapshot.closed ? "paused " : ""}· ${plain(snapshot.name)} · ostest-runner`;
    showState();
    showSlots();
    showDeliveries();
    showPlots();
    showResults();
  };
  const tell = (live, text) => { $("link").className = live ? "live" : ""; setText($("link"), text); };
  const connect = () => {
    const events = new EventSource("/api/events");
    events.onmessage = (event) => {
      snapshot = JSON.parse(event.data);
      skew = snapshot.now - Date.now();
      tell(true, "live");
      show();
    };
    events.onerror = () => {
      tell(false, snapshot ? "no connection to the runner: what is shown is old" : "no connection to the runner");
      if (events.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS); // refused: too many pages
    };
  };
  $("outcome").addEventListener("change", filter);
  $("search").addEventListener("input", filter);
  tell(false, "connecting");
  connect();
  setInterval(show, 1000);
})();
