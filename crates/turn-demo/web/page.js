// The client's page: it hosts two widgets, asks the user what they may do, and shows what happens.

import { Breaks } from "./breaks.js";
import { Life } from "./life.js";
import { Log } from "./log.js";
import { Prompt } from "./prompt.js";
import { Socket } from "./socket.js";
import { Timeline } from "./timeline.js";
import { Widgets } from "./widgets.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const byId = (id) => document.getElementById(id);

/** A widget without a relay after this time never gets one here. */
const NO_RELAY_MS = 8_000;

/** What a widget says of itself while it has credentials. */
const CAN_CALL = ["ready", "connected", "failed", "disconnected", "unwatched"];

const socket = new Socket(meta("token"));
const widgets = new Widgets(socket, meta("widgets"));
const breaks = new Breaks(socket, Number(meta("ttl")));
const timeline = new Timeline();
const life = new Life();
const log = new Log();
new Prompt(socket);

/** What each widget said last of itself. */
const states = { a: "closed", b: "closed" };
/** How far this page's clock is ahead of the stage's. */
let ahead = 0;
let sounds = false;
let hadRelay = false;
let refused = false;

const stageNow = () => Math.round(performance.now() - ahead);

function openBoth() {
    for (const id of widgets.ids) open(id);
}

function open(id) {
    states[id] = "loading";
    widgets.open(id);
}

/** Widget A called: what can be done in a call is done there. */
function showCall(isOn) {
    byId("restart").disabled = byId("sound").disabled = !isOn;
    if (isOn) return;
    byId("rtt").textContent = "–";
    byId("path").textContent = "no relay yet";
}

/** As soon as both have a relay, A calls B. */
function callIfReady() {
    const ready = (id) => CAN_CALL.includes(states[id]);
    if (ready("a") && ready("b") && (states.a === "ready" || states.b === "ready")) {
        states.a = states.b = "calling";
        widgets.command("a", "call");
    }
}

socket.addEventListener("welcome", ({ detail: { now, resumed, homeserver, turn_server } }) => {
    ahead = performance.now() - now;
    refused = false;
    byId("connection").textContent = "Connected";
    document.body.dataset.connection = "on";
    byId("servers").textContent = `Everything here runs on this computer, and stops with the program: the homeserver at ${homeserver}, the TURN server at ${turn_server}.`;
    if (!resumed) {
        timeline.clear();
        openBoth();
    }
});

socket.addEventListener("lost", ({ detail: { isGone } }) => {
    document.body.dataset.connection = "off";
    // It said why.
    if (refused) return;
    byId("connection").textContent = isGone
        ? "The program has ended: start it with “cargo run”, and reload."
        : "Cut. Connecting again …";
});

socket.addEventListener("failed", ({ detail: { why } }) => {
    refused = true;
    byId("connection").textContent = `There is nothing to show: ${why}.`;
});

socket.addEventListener("status", ({ detail: status }) => {
    ahead = performance.now() - status.now;
    life.show(status);
    timeline.show(status);
    breaks.show(status);
    byId("forget").disabled = status.remembered === null;
});

socket.addEventListener("event", ({ detail: event }) => {
    timeline.mark(event.at, event.track, event.kind, event.text);
    life.on(event);
    log.addEvent(event);
});

widgets.addEventListener("carried", ({ detail }) => {
    log.addMessage(detail);
    if (detail.message.action === "update_turn_servers") {
        timeline.mark(stageNow(), "ours", detail.toWidget ? "update" : "ack");
    }
});

widgets.addEventListener("refused", ({ detail: { widget } }) => {
    note("error", `a message of widget ${widget.toUpperCase()}'s is too long, and is not carried`);
});

/** What a widget tells the page beside the widget API. */
const told = {
    state({ widget, text, state, inCall }) {
        states[widget] = state;
        byId(`said-${widget}`).textContent = text;
        if (widget === "a") breaks.rename("watch", state === "unwatched" ? "Watch A" : "Unwatch A");
        if (widget === "a") showCall(inCall);
        callIfReady();
    },
    relay({ widget, address, why, rejected, ms, username }) {
        const whose = `widget ${widget.toUpperCase()}`;
        if (address) {
            hadRelay = true;
            byId("hint").hidden = true;
            note("answer", `${whose} got a relay at ${address} after ${ms} ms`);
        } else {
            note("error", `${whose} got no relay: ${why}`);
            if (rejected) socket.send({ type: "rejected", username });
            else if (!hadRelay && ms < NO_RELAY_MS) explainNoRelay();
        }
    },
    signal({ widget, signal }) {
        widgets.command(widget === "a" ? "b" : "a", "signal", { signal });
    },
    figures({ widget, rtt, types }) {
        if (widget !== "a") return;
        byId("rtt").textContent = `${rtt.toFixed(1)} ms`;
        byId("path").textContent = `from ${types[0]} to ${types[1]}`;
    },
    broken({ widget }) {
        note("error", `widget ${widget.toUpperCase()} lost its relay, and restarts ICE`);
        widgets.command("a", "restart");
    },
    flooded({ sent, answered }) {
        note("note", `widget A sent ${sent} requests and got ${answered} answers; ${sent - answered} were dropped`);
    },
};

widgets.addEventListener("told", ({ detail }) => told[detail.what]?.(detail));

function note(kind, text) {
    log.addEvent({ track: "ours", kind, text });
}

function explainNoRelay() {
    byId("hint").textContent =
        "This browser asks no TURN server on this computer's own address for a relay, so there is no call to see. " +
        "Chromium does; Firefox does once media.peerconnection.ice.loopback is true in about:config. " +
        "Everything else on this page works as it is.";
    byId("hint").hidden = false;
}

byId("forget").addEventListener("click", () => {
    note("note", "the answer to the permission prompt is forgotten: the next widget that loads asks again");
    socket.send({ type: "forget" });
});

byId("restart").addEventListener("click", () => {
    note("note", "ICE restarts with the newest credentials");
    widgets.command("a", "restart");
});

byId("sound").addEventListener("click", () => {
    sounds = !sounds;
    byId("sound").setAttribute("aria-pressed", String(sounds));
    for (const id of widgets.ids) widgets.command(id, "sound", { on: sounds });
});

// A widget that has no call to make tries the TURN server all the same, and finds out.
breaks.addEventListener("secret", () => widgets.ids.forEach((id) => widgets.command(id, "try")));
breaks.addEventListener("reload", () => open("a"));
breaks.addEventListener("watch", () => {
    widgets.command("a", states.a === "unwatched" ? "watch" : "unwatch");
});
breaks.addEventListener("flood", () => widgets.command("a", "flood"));
breaks.addEventListener("cut", () => socket.cut());
breaks.addEventListener("close", () => {
    if (states.b === "closed") {
        open("b");
        breaks.rename("close", "Close B");
    } else {
        states.b = "closed";
        widgets.close("b");
        byId("said-b").textContent = "closed";
        breaks.rename("close", "Open B");
    }
});

// Tests look at these.
window.demo = { states, socket };
