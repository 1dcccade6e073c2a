// The page: takes events, writes words with textContent only, and knows when it has heard nothing for too long.
"use strict";

const SILENT_MS = 4000;
const at = (id) => document.getElementById(id);
const dark = matchMedia("(prefers-color-scheme: dark)");
const begun = Date.now();

let status = null;
let statusAt = begun;
let heardAt = begun;
let hasEnded = false;
let edition = null;
let chosen = decodeURIComponent(location.hash.slice(1)) || "lithium";
let drawn = "";
let isLoading = false;
let shownUrl = "";

function element(name, className, words) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (words !== undefined) made.textContent = words;
  return made;
}

function duration(seconds) {
  const total = Math.round(Math.max(seconds, 0));
  const two = (number) => String(number).padStart(2, "0");
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${two(total % 60)} s`;
  if (total < 86400) return `${Math.floor(total / 3600)} h ${two(Math.floor((total % 3600) / 60))} min`;
  return `${Math.floor(total / 86400)} d ${two(Math.floor((total % 86400) / 3600))} h`;
}

// Round steps of an axis: between three and seven of them.
function steps(low, high, most = 6) {
  const rough = (high - low) / most;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * decade).find((each) => each >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + (Math.abs(step / decade - 2.5) < 1e-6 ? 1 : 0));
  const found = [];
  for (let each = Math.ceil(low / step - 1e-9) * step; each <= high + 1e-9 * step; each += step)
    found.push([each, (Math.abs(each) < step / 1e6 ? 0 : each).toFixed(digits).replace("-", "−")]);
  return found;
}

// How it stands

function showStatus() {
  document.body.className = status.state;
  at("sign").textContent = status.sign;
  at("word").textContent = status.word;
  at("detail").textContent = status.detail;
  at("sample").textContent = status.sample;
  at("run").textContent = status.run;
  document.title = `${status.sign} ${status.word} ${status.sample}`.trim();
  at("fields").replaceChildren(...status.fields.map((field) => {
    const pair = element("div");
    pair.title = field.meaning;
    pair.append(element("dt", "", field.caption), element("dd", field.is_alarming ? "alarming" : "", field.value));
    return pair;
  }));
  const found = status.findings.map((finding) => {
    const line = element("li", finding.severity);
    line.append(element("span", "sign", finding.sign), element("span", "", finding.message));
    line.firstChild.setAttribute("aria-label", finding.severity);
    if (finding.advice) line.append(element("span", "advice", finding.advice));
    return line;
  });
  at("findings").replaceChildren(...(found.length ? found : [element("li", "", "None.")]));
  at("findings-title").textContent = found.length ? `Findings (${found.length})` : "Findings";
}

function showAge() {
  const now = Date.now();
  const silentS = (now - heardAt) / 1000;
  let words = "", detail = "";
  if (hasEnded) {
    words = "THE MONITOR HAS ENDED";
    detail = `${duration(silentS)} ago. What is shown is that old.`;
  } else if (now - heardAt > SILENT_MS) {
    words = `NO CONNECTION FOR ${duration(silentS)}`;
    detail = status ? "What is shown is at least that old. It is tried again by itself." : "Is the address right, and the tunnel open?";
  } else if (status && status.is_waiting) {
    words = "WAITING FOR A RUN";
    detail = `for ${duration(status.age_s + (now - statusAt) / 1000)}; nothing has come yet.`;
  } else if (status && status.is_stale) {
    words = `NO NEW DATA FOR ${duration(status.age_s + (now - statusAt) / 1000)}`;
    detail = "The run is not closed. What is shown is that old.";
  }
  at("veil").hidden = !words;
  document.body.classList.toggle("veiled", Boolean(words));
  if (at("veil-words").textContent !== words) at("veil-words").textContent = words;
  if (at("veil-detail").textContent !== detail) at("veil-detail").textContent = detail;
  if (status && !status.is_waiting)
    at("age").textContent = `Newest data ${duration(status.age_s + (now - statusAt) / 1000)} ago.`;
}

// The map

function showMap() {
  const map = edition.maps.find((each) => each.key === chosen) || edition.maps[0];
  chosen = map.key;
  at("map-title").textContent = map.name;
  at("map-title").title = map.meaning;
  at("map-words").textContent = edition.words;
  at("map-words").classList.toggle("provisional", edition.words.startsWith("PROVISIONAL"));
  at("map").alt = `Map of ${map.label || map.name}: ${edition.words}`;
  at("label").textContent = map.label;
  showChoices();
  showAxes();
  showScale(map);
  showLegend(map);
  loadMap();
}

function showChoices() {
  const keys = edition.maps.map((map) => map.key + map.name).join("\n");
  if (at("choices").dataset.keys !== keys) {
    at("choices").dataset.keys = keys;
    at("choices").replaceChildren(...edition.maps.map((map) => {
      const button = element("button", "", map.name);
      button.type = "button";
      button.title = map.meaning;
      button.dataset.key = map.key;
      button.addEventListener("click", () => {
        chosen = map.key;
        history.replaceState(null, "", `#${encodeURIComponent(chosen)}`);
        showMap();
      });
      return button;
    }));
  }
  for (const button of at("choices").children)
    button.setAttribute("aria-pressed", String(button.dataset.key === chosen));
}

// How many numbers an axis has room for.
function room(numbers) {
  return Math.max(2, Math.min(6, numbers));
}

function showAxes() {
  const [left, right] = edition.x_um, [bottom, top] = edition.y_um;
  at("field").style.aspectRatio = `${right - left} / ${top - bottom}`;
  const place = (axis, side, low, high) => {
    const marks = steps(low, high, room(axis === "x" ? at("field").clientWidth / 45 : at("field").clientHeight / 30))
      .map(([value, words]) => {
        const mark = element("span", "", words);
        mark.style[side] = `${(100 * (value - low)) / (high - low)}%`;
        return mark;
      });
    at(`${axis}-axis`).replaceChildren(...marks, element("span", "unit", `${axis} (µm)`));
  };
  place("x", "left", left, right);
  place("y", "bottom", bottom, top);
  const rough = (right - left) / 4;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const long = [5, 2, 1].map((each) => each * decade).find((each) => each <= rough) || decade;
  at("bar-words").textContent = long < 1 ? `${Math.round(long * 1000)} nm` : `${long} µm`;
  at("bar-line").style.width = `${(at("field").clientWidth * long) / (right - left)}px`;
}

function showScale(map) {
  const ramp = at("ramp"), ticks = at("scale-ticks");
  ramp.style.background = map.kinds.length ? "none" : `var(--bar-${map.colouring})`;
  ramp.replaceChildren(...map.kinds.map((_, number) => {
    const part = element("i");
    part.style.background = `var(--phase-${number % 6})`;
    return part;
  }));
  const every = Math.ceil((16 * map.ticks.length) / Math.max(at("field").clientHeight, 16));
  ticks.replaceChildren(...map.ticks.filter((_, number) => number % every === 0).map(([value, words]) => {
    const tick = element("span", "", words);
    tick.style.bottom = `${(100 * (value - map.low)) / (map.high - map.low)}%`;
    return tick;
  }));
}

function showLegend(map) {
  const entries = map.kinds.map((name, number) => [`--phase-${number % 6}`, name]);
  if (edition.unseen) entries.push(["--unseen", edition.unseen]);
  if (edition.undetermined) entries.push(["--undetermined", edition.undetermined]);
  if (edition.is_masked) entries.push(["--masked", "masked"]);
  at("legend").replaceChildren(...entries.map(([colour, words]) => {
    const entry = element("li");
    const sign = element("i");
    sign.style.background = `var(${colour})`;
    entry.append(sign, words);
    return entry;
  }));
}

// One picture under way at a time: a slow line shows fewer of them, not older ones.
async function loadMap() {
  const theme = dark.matches ? "dark" : "light";
  const wanted = `${chosen} ${edition.edition} ${theme}`;
  if (isLoading || wanted === drawn) return;
  isLoading = true;
  try {
    const answer = await fetch(`map/${encodeURIComponent(chosen).replaceAll("%3A", ":")}.png?${theme}`);
    if (answer.ok) {
      const url = URL.createObjectURL(await answer.blob());
      at("map").src = url;
      await at("map").decode().catch(() => undefined);
      if (shownUrl) URL.revokeObjectURL(shownUrl);
      shownUrl = url;
      drawn = at("map").dataset.drawn = wanted;
    }
  } catch {
    // The line is cut: the veil says so, and the next edition brings the next picture.
  }
  isLoading = false;
  if (edition && drawn === wanted && wanted !== `${chosen} ${edition.edition} ${dark.matches ? "dark" : "light"}`) loadMap();
}

// The curves

const NS = "http://www.w3.org/2000/svg";
function drawing(name, attributes, words) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (words !== undefined) made.textContent = words;
  return made;
}

function showTime() {
  const time = edition.time;
  [at("headline-value").textContent, at("headline-words").textContent] = edition.headline;
  const width = Math.max(at("chart").clientWidth, 200), height = Math.round(Math.min(320, Math.max(200, width * 0.55)));
  const left = 44, right = 12, top = 8, bottom = 40;
  const x = (value) => left + ((width - left - right) * value) / time.now;
  const y = (value) => height - bottom - ((height - top - bottom) * value) / time.most;
  const image = drawing("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Mean lithium content against time" });
  for (const [value, words] of steps(0, time.most, 5)) {
    image.append(drawing("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    image.append(drawing("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, words));
  }
  for (const [value, words] of steps(0, time.now, width < 420 ? 4 : 7)) {
    image.append(drawing("line", { class: "axis", x1: x(value), x2: x(value), y1: height - bottom, y2: height - bottom + 5 }));
    image.append(drawing("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, words));
  }
  image.append(drawing("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }));
  image.append(drawing("text", { x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, `time since the start (${time.unit})`));
  image.append(drawing("text", { x: 0, y: 0, "text-anchor": "middle", transform: `translate(11 ${(top + height - bottom) / 2}) rotate(-90)` }, "mean x"));
  for (const span of time.spans) {
    const from = x(Math.max(span.start, 0)), to = Math.max(x(Math.min(span.end, time.now)), from + 2);
    const band = drawing("rect", { class: span.is_loss ? "loss" : "pause", x: from, width: to - from, y: top, height: height - top - bottom });
    band.append(drawing("title", {}, span.words));
    image.append(band);
  }
  time.strands.forEach((strand, number) => image.append(...curve(strand, number, x, y)));
  at("chart").replaceChildren(image);
  const regions = new Map(edition.regions.map((region) => [region.name, region]));
  at("strands").replaceChildren(...time.strands.map((strand, number) => {
    const entry = element("li");
    const sign = element("i");
    sign.style.borderColor = colourOf(number);
    const region = number ? regions.get(strand.name) : undefined;
    entry.append(sign, region ? `${strand.name}  ${region.x}  (${region.pixels} pixels)` : strand.name);
    return entry;
  }), ...legendOfSpans(time.spans));
}

function legendOfSpans(spans) {
  const kinds = [[false, "pause", "--muted"], [true, "lost beam or low I0", "--alarm"]];
  return kinds.filter(([isLoss]) => spans.some((span) => span.is_loss === isLoss)).map(([, words, colour]) => {
    const entry = element("li");
    const sign = element("i");
    sign.style.borderColor = `var(${colour})`;
    entry.append(sign, words);
    return entry;
  });
}

function colourOf(number) {
  return number ? `var(--region-${(number - 1) % 6})` : "var(--accent)";
}

function curve(strand, number, x, y) {
  const points = strand.time.map((time, each) => [x(time), strand.x[each], strand.low[each], strand.high[each]]).filter((point) => !point.includes(null));
  if (!points.length) return [];
  const text = (pairs) => pairs.map((pair) => pair.map((value) => value.toFixed(1)).join(",")).join(" ");
  const around = [...points.map((point) => [point[0], y(point[3])]), ...points.map((point) => [point[0], y(point[2])]).reverse()];
  const band = drawing("polygon", { points: text(around), opacity: "0.25" });
  const line = drawing("polyline", { points: text(points.map((point) => [point[0], y(point[1])])), fill: "none", "stroke-width": "2", "stroke-linejoin": "round" });
  band.style.fill = line.style.stroke = colourOf(number);
  const dots = points.length > 40 ? [] : points.map((point) => {
    const dot = drawing("circle", { cx: point[0].toFixed(1), cy: y(point[1]).toFixed(1), r: "3" });
    dot.style.fill = colourOf(number);
    return dot;
  });
  return [band, line, ...dots];
}

// What comes

function showEdition() {
  if (!edition) return;
  document.querySelector("main").hidden = false;
  showMap();
  showTime();
}

const source = new EventSource("events");
source.addEventListener("status", (event) => {
  status = JSON.parse(event.data);
  statusAt = heardAt = Date.now();
  hasEnded = false;
  showStatus();
  showAge();
});
source.addEventListener("edition", (event) => {
  edition = JSON.parse(event.data);
  heardAt = Date.now();
  showEdition();
});
source.addEventListener("end", () => {
  heardAt = Date.now();
  hasEnded = true;
  showAge();
});
dark.addEventListener("change", showEdition);
new ResizeObserver(showEdition).observe(at("frame"));
setInterval(showAge, 500);
