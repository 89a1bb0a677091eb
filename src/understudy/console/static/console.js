// What pages gain with a script: parts that stay current, answers as they are written, and a few keys.
// Everything can be read, and every form can be sent, without it.
"use strict";

const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

/** Replace the content of an element by HTML of this server, keeping focus, open details and scrolled tables. */
function replace(region, html) {
  const open = new Set(all("details[open]", region).map(place));
  const scrolled = all(".scroll", region).map((each) => each.scrollLeft);
  const focused = region.contains(document.activeElement) ? place(document.activeElement) : null;
  region.innerHTML = html;
  for (const each of all("details", region)) if (open.has(place(each))) each.open = true;
  all(".scroll", region).forEach((each, at) => { if (scrolled[at]) each.scrollLeft = scrolled[at]; });
  if (focused) all("a, button, summary, [tabindex]", region).find((each) => place(each) === focused)?.focus({ preventScroll: true });
}

/** What tells an element of a region from its neighbours after it was replaced. */
function place(element) {
  const near = element.closest("figure, [id]");
  return [element.tagName, element.id, element.getAttribute("href") || "", near?.id || near?.querySelector("h2, h3")?.textContent || "",
    element.closest("tr")?.rowIndex ?? ""].join("|");
}

/** Keep regions current by server-sent events; say so, and let the reader pause it. */
function live(region) {
  const mark = document.getElementById("live");
  const button = document.getElementById("pause");
  let source = null;
  let before = null;
  const show = (kind, words) => {
    if (!mark) return;
    mark.className = `live ${kind}`;
    if (mark.textContent !== words) mark.textContent = words;
  };
  const start = () => {
    source = new EventSource(region.dataset.live);
    source.addEventListener("open", () => show("on", "live"));
    source.addEventListener("part", (event) => {
      show("on", "live");
      if (event.data !== before && !selecting(region)) replace(region, (before = event.data));
    });
    source.addEventListener("over", () => { source.close(); show("lost", "signed out"); });
    source.addEventListener("error", () => {
      show("lost", "connection lost, trying again");
      // An answer that is no stream, as of a proxy whose gateway restarts, is the end of an EventSource.
      if (source?.readyState === EventSource.CLOSED) { stop(); setTimeout(settle, 5000); }
    });
  };
  const stop = () => { source?.close(); source = null; };
  let paused = false;
  const settle = () => (document.hidden || paused ? stop() : source || start());
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      paused = !paused;
      button.textContent = paused ? "Resume" : "Pause";
      settle();
      if (paused) show("", "paused");
    });
  }
  document.addEventListener("visibilitychange", settle);
  addEventListener("pagehide", stop);
  settle();
}

/** Whether the reader marks text in a region, which a replacement would undo. */
function selecting(region) {
  const selection = getSelection();
  return selection && !selection.isCollapsed && region.contains(selection.anchorNode);
}

/** Send a prompt, and show each answer while it is written: lines of JSON, `{pane, text}` or `{pane, html}`. */
async function ask(form) {
  const output = document.getElementById("answers");
  const button = form.querySelector("button.primary");
  button.disabled = true;
  output.setAttribute("aria-busy", "true");
  try {
    const reply = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/x-ndjson" },
    });
    if (!reply.headers.get("content-type")?.startsWith("application/x-ndjson")) {
      document.documentElement.innerHTML = await reply.text();
      return;
    }
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      const lines = (rest + (value ?? "")).split("\n");
      rest = lines.pop();
      lines.filter(Boolean).map((line) => JSON.parse(line)).forEach((each) => write(output, each));
      if (done) break;
    }
  } catch (error) {
    output.textContent = `The answer was interrupted: ${error.message}`;
  } finally {
    button.disabled = false;
    output.removeAttribute("aria-busy");
  }
}

function write(output, { pane, text, html }) {
  if (pane === undefined) { output.innerHTML = html; return; }
  const target = document.getElementById(`pane-${pane}`);
  if (html !== undefined) target.innerHTML = html;
  else target.querySelector(".answer").append(text);
}

for (const each of all("[data-live]")) live(each);
for (const form of all("form[data-ask]")) {
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(form); });
}
for (const button of all("button[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  });
}
// Filters that are one choice apply at once; the button does the same without a script.
for (const each of all("select[data-apply]")) each.addEventListener("change", () => each.form.requestSubmit());
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
    const search = document.querySelector("input[type=search]");
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  }
});
