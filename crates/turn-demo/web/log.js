// What the widgets, the library and the homeserver said, the newest first.

import { masked } from "./words.js";

const KEPT = 200;

/** The same thing again within this time is counted, not repeated. */
const AGAIN_MS = 3_000;

/** Among this many of the newest. */
const LOOKED_AT = 4;

export class Log {
    #list = document.getElementById("entries");
    #source = document.getElementById("log-source");
    #text = document.getElementById("log-text");
    #entries = [];

    constructor() {
        this.#source.addEventListener("change", () => this.#filter());
        this.#text.addEventListener("input", () => this.#filter());
    }

    /** A message of the widget API's. */
    addMessage({ widget, message, toWidget }) {
        const isResponse = message.response !== undefined;
        const arrow = toWidget ? "→" : "←";
        const failed = message.response?.error !== undefined;
        this.#add({
            source: "widget",
            who: `${arrow} ${widget.toUpperCase()}`,
            what: `${message.action}${isResponse ? (failed ? ": error" : ": response") : ""}`,
            tone: failed ? "error" : "",
            detail: JSON.stringify(masked(message), null, 2),
        });
    }

    /** Something that the program tells. */
    addEvent({ track, kind, text }) {
        const who = { ours: "library", matrix_js_sdk: "js-sdk", hydrogen_web: "hydrogen" }[track];
        this.#add({ source: "service", who, what: text, tone: kind, detail: "" });
    }

    #add(entry) {
        const now = performance.now();
        const same = this.#entries.slice(0, LOOKED_AT).find(
            ({ who, what, at }) => who === entry.who && what === entry.what && now - at < AGAIN_MS,
        );
        if (same) {
            same.times += 1;
            same.count.textContent = `×${same.times}`;
            return;
        }
        const shown = { ...entry, at: now, times: 1, ...row(entry) };
        this.#entries.unshift(shown);
        this.#list.prepend(shown.item);
        shown.item.hidden = !this.#matches(shown);
        for (const { item } of this.#entries.splice(KEPT)) item.remove();
    }

    #filter() {
        for (const entry of this.#entries) entry.item.hidden = !this.#matches(entry);
    }

    #matches({ source, who, what, detail }) {
        const wanted = this.#text.value.toLowerCase();
        const isSource = this.#source.value === "" || this.#source.value === source;
        return isSource && `${who} ${what} ${detail}`.toLowerCase().includes(wanted);
    }
}

function row({ who, what, tone, detail }) {
    const item = document.createElement("li");
    const line = document.createElement(detail ? "summary" : "div");
    const count = text("span", "count", "");
    line.append(
        text("time", "", new Date().toLocaleTimeString([], { hour12: false })),
        text("span", "who", who),
        text("span", `what ${tone}`, what),
        count,
    );
    if (detail) {
        const details = document.createElement("details");
        details.append(line, text("pre", "", detail));
        item.append(details);
    } else {
        item.append(line);
    }
    return { item, count };
}

function text(tag, className, content) {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = content;
    return element;
}
