// The last minutes of three clients at one homeserver, and what ours has planned.

import { span } from "./words.js";

const NAMES = {
    ours: "This library",
    matrix_js_sdk: "matrix-js-sdk's rule",
    hydrogen_web: "hydrogen-web's rule",
};
const HOLDS = {
    idle: "has not asked yet",
    valid: "valid credentials",
    nothing: "no credentials, and says so",
    stale: "stale credentials",
};
const COLORS = ["ink", "muted", "line", "valid", "nothing", "stale", "info", "accent"];

const SHORTEST_WINDOW_MS = 120_000;
const LONGEST_WINDOW_MS = 900_000;
/** The share of the width that is the future. */
const FUTURE = 0.22;
const MARKS_KEPT = 600;
/** A screen reader is not told more often. */
const DESCRIBE_MS = 5_000;

/** Where each track begins: below ours there is room for what the widgets are sent. */
const TOPS = [0, 62, 112];
const HEIGHT = 160;
const BAR = { top: 22, height: 14 };
const AXIS = 20;

export class Timeline {
    #canvas = document.getElementById("chart");
    #tracks = new Map(Object.keys(NAMES).map((track) => [track, newTrack()]));
    #actions = [];
    #described = -Infinity;
    #status = null;

    constructor() {
        this.#canvas.style.height = `${HEIGHT + AXIS}px`;
        new ResizeObserver(() => this.#draw()).observe(this.#canvas);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    }

    /** A mark of this kind at this moment of the stage's. */
    mark(at, track, kind, label = "") {
        if (kind === "action") {
            this.#actions = [...this.#actions, { at, label }].slice(-20);
        } else if (kind !== "note") {
            const marks = this.#tracks.get(track).marks;
            marks.push({ at, kind });
            marks.splice(0, marks.length - MARKS_KEPT);
        }
    }

    show(status) {
        this.#status = status;
        for (const { track, holds, requests } of status.tracks) {
            const shown = this.#tracks.get(track);
            shown.requests = requests;
            shown.holds = holds;
            const last = shown.segments.at(-1);
            if (last) {
                if (last.holds === "stale") shown.stale += status.now - last.to;
                last.to = status.now;
            }
            if (last?.holds !== holds) shown.segments.push({ from: status.now, to: status.now, holds });
            if (shown.segments.length > MARKS_KEPT) shown.segments.shift();
        }
        this.#draw();
        this.#describe(status.now);
    }

    /** Another stage: nothing of the old one is on its clock. */
    clear() {
        for (const track of this.#tracks.keys()) this.#tracks.set(track, newTrack());
        this.#actions = [];
    }

    #describe(now) {
        if (now - this.#described < DESCRIBE_MS && now >= this.#described) return;
        this.#described = now;
        const sentences = [...this.#tracks].map(
            ([track, shown]) => `${NAMES[track]}: ${HOLDS[shown.holds]}, ${summary(shown)}.`,
        );
        this.#canvas.setAttribute("aria-label", sentences.join(" "));
    }

    #draw() {
        if (this.#status === null) return;
        const context = fitted(this.#canvas);
        const colors = palette(this.#canvas);
        const { width, height } = this.#canvas.getBoundingClientRect();
        const { now, ttl_ms: ttl } = this.#status;
        const past = Math.min(Math.max(SHORTEST_WINDOW_MS, 2 * (ttl ?? 0)), LONGEST_WINDOW_MS);
        const nowX = width * (1 - FUTURE);
        const x = (at) => nowX + ((at - now) / past) * nowX;

        context.clearRect(0, 0, width, height);
        drawAxis(context, colors, { x, now, past, width, height });
        [...this.#tracks].forEach(([track, shown], index) => {
            const top = TOPS[index];
            drawTrack(context, colors, { name: NAMES[track], shown, top, x, nowX });
        });
        this.#drawPlans(context, colors, x);
        this.#drawActions(context, colors, x, height);
    }

    /** How long our credentials hold, and when the next request is due. */
    #drawPlans(context, colors, x) {
        const { now, service } = this.#status;
        const top = BAR.top;
        if (service.valid_for_ms !== null) {
            const end = Math.min(x(now + service.valid_for_ms), this.#canvas.clientWidth);
            context.globalAlpha = 0.28;
            context.fillStyle = colors.valid;
            context.fillRect(x(now), top, end - x(now), BAR.height);
            context.globalAlpha = 1;
        }
        if (service.next_request_in_ms !== null) {
            const due = x(now + service.next_request_in_ms);
            context.strokeStyle = colors.accent;
            context.setLineDash([2, 2]);
            line(context, due, top - 4, due, top + BAR.height + 4);
            context.setLineDash([]);
            context.fillStyle = colors.muted;
            context.font = font(11);
            context.textAlign = "left";
            context.fillText("next", due + 3, top + BAR.height + 11);
        }
    }

    #drawActions(context, colors, x, height) {
        context.strokeStyle = colors.info;
        context.setLineDash([3, 3]);
        for (const { at } of this.#actions) {
            if (x(at) > 0) line(context, x(at), 0, x(at), height - AXIS);
        }
        context.setLineDash([]);
    }
}

function newTrack() {
    return { segments: [], marks: [], requests: 0, holds: "idle", stale: 0 };
}

function summary({ requests, stale }) {
    const asked = `${requests} ${requests === 1 ? "request" : "requests"}`;
    if (stale === 0) return `${asked}, never stale`;
    return `${asked}, stale for ${stale < 1000 ? "under 1 s" : span(stale)}`;
}

function drawTrack(context, colors, { name, shown, top, x, nowX }) {
    context.textAlign = "left";
    context.font = font(12, 600);
    context.fillStyle = colors.ink;
    context.fillText(name, 0, top + 13);
    const after = context.measureText(name).width + 8;
    context.font = font(12);
    context.fillStyle = shown.stale > 0 ? colors.stale : colors.muted;
    context.fillText(summary(shown), after, top + 13);

    const barTop = top + BAR.top;
    context.fillStyle = colors.line;
    context.fillRect(0, barTop, nowX, BAR.height);
    for (const { from, to, holds } of shown.segments) {
        if (holds === "idle" || x(to) < 0) continue;
        const start = Math.max(x(from), 0);
        context.fillStyle = colors[holds];
        context.fillRect(start, barTop, Math.max(x(to) - start, 1), BAR.height);
        if (holds !== "valid") hatch(context, start, barTop, x(to) - start, holds);
    }
    for (const { at, kind } of shown.marks) {
        if (x(at) >= 0) drawMark(context, colors, kind, x(at), barTop);
    }
}

/** Red and amber differ without their colours as well. */
function hatch(context, left, top, width, holds) {
    context.save();
    context.beginPath();
    context.rect(left, top, width, BAR.height);
    context.clip();
    context.strokeStyle = "rgb(255 255 255 / 45%)";
    const lean = holds === "stale" ? BAR.height : 0;
    for (let x = Math.floor(left / 7) * 7 - lean; x < left + width; x += 7) {
        line(context, x, top + BAR.height, x + lean, top);
    }
    context.restore();
}

function drawMark(context, colors, kind, x, barTop) {
    const above = barTop - 3;
    const below = barTop + BAR.height + 5;
    context.lineWidth = 1.5;
    if (kind === "request") {
        context.strokeStyle = colors.ink;
        line(context, x, above - 4, x, barTop + BAR.height);
    } else if (kind === "error") {
        context.strokeStyle = colors.stale;
        line(context, x - 3, below - 3, x + 3, below + 3);
        line(context, x - 3, below + 3, x + 3, below - 3);
    } else if (kind === "answer") {
        context.beginPath();
        context.arc(x, below, 3, 0, 2 * Math.PI);
        context.fillStyle = colors.accent;
        context.fill();
    } else {
        drawDelivery(context, colors, kind, x, below + 8);
    }
    context.lineWidth = 1;
}

/** An update is a triangle, and its acknowledgement a tick beside it. */
function drawDelivery(context, colors, kind, x, y) {
    context.fillStyle = context.strokeStyle = colors.info;
    context.beginPath();
    if (kind === "update") {
        context.moveTo(x - 4, y);
        context.lineTo(x + 4, y);
        context.lineTo(x, y + 6);
        context.fill();
    } else {
        context.moveTo(x + 5, y + 3);
        context.lineTo(x + 7, y + 6);
        context.lineTo(x + 11, y);
        context.stroke();
    }
}

function drawAxis(context, colors, { x, now, past, width, height }) {
    const step = past <= 120_000 ? 30_000 : past <= 300_000 ? 60_000 : 300_000;
    context.font = font(11);
    context.textAlign = "center";
    for (let ago = step; ago < past; ago += step) {
        context.strokeStyle = colors.line;
        line(context, x(now - ago), 0, x(now - ago), height - AXIS + 4);
        context.fillStyle = colors.muted;
        context.fillText(`−${span(ago)}`, x(now - ago), height - 4);
    }
    context.strokeStyle = colors.muted;
    line(context, x(now), 0, x(now), height - AXIS + 4);
    context.fillStyle = colors.ink;
    context.fillText("now", x(now), height - 4);
    context.textAlign = "right";
    context.fillStyle = colors.muted;
    context.fillText("planned", width, height - 4);
}

function line(context, fromX, fromY, toX, toY) {
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
}

function font(size, weight = 400) {
    return `${weight} ${size}px system-ui, sans-serif`;
}

/** As sharp as the screen is. */
function fitted(canvas) {
    const { width, height } = canvas.getBoundingClientRect();
    const scale = devicePixelRatio;
    const [pixelWidth, pixelHeight] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
        canvas.width = pixelWidth;
        canvas.height = pixelHeight;
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    return context;
}

function palette(element) {
    const style = getComputedStyle(element);
    return Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
