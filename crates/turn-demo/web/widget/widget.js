// A widget in a frame of another origin than its client's: it asks for TURN servers by MSC3846, tries
// all credentials that it is sent, and calls the other widget.

import { WidgetApi } from "./api.js";
import { Call } from "./call.js";
import { Tone, video } from "./media.js";
import { tryRelay } from "./relay.js";

const TURN_SERVERS = "town.robin.msc3846.turn_servers";
const CAPABILITIES = [
    "org.matrix.msc2762.receive.state_event:m.room.member",
    "org.matrix.msc2762.send.state_event:org.matrix.msc3401.call.member",
    TURN_SERVERS,
];

const IN_CALL = "in a call, through the relay";

/** More than the library answers at once, and than it keeps. */
const FLOOD = 2000;

const widgetId = new URLSearchParams(location.search).get("id");
const origin = document.querySelector('meta[name="page"]').content;
const api = new WidgetApi(widgetId, origin);
const said = document.getElementById("said");
const figures = document.getElementById("figures");
const remote = document.getElementById("remote");
const [picture] = video(document.getElementById("own"), widgetId).getVideoTracks();
const call = new Call(picture, (signal) => tell({ what: "signal", signal }));

/** The newest credentials. */
let servers = null;
/** Whether they arrive. */
let watches = false;
/** Made when the user first asks for sound: browsers want a click before. */
let tone = null;

/** To the page, beside the widget API: what it shows, and what it carries to the other widget. */
function tell(demo) {
    parent.postMessage({ demo }, origin);
}

function say(text, state) {
    said.textContent = text;
    tell({ what: "state", text, state, inCall: document.body.classList.contains("connected") });
}

async function start() {
    say("asks what it may do", "asking");
    const decided = new Promise((resolve) => {
        api.on("notify_capabilities", ({ approved }) => void resolve(approved));
    });
    api.on("capabilities", () => ({ capabilities: CAPABILITIES }));
    api.on("update_turn_servers", (data) => void onUpdate(data));
    await api.request("content_loaded");
    const approved = await decided;
    if (!approved.includes(TURN_SERVERS)) {
        say("may not use TURN servers: no call", "denied");
        return;
    }
    await api.request("supported_api_versions");
    await watch();
}

async function watch() {
    say("waits for TURN servers", "waiting");
    try {
        await api.request("watch_turn_servers");
        watches = true;
        if (call.isConnected) say(IN_CALL, "connected");
        else if (servers === null) say("watches, and there are none yet", "waiting");
    } catch (error) {
        say(`no TURN servers: ${error.message}`, "refused");
    }
}

async function unwatch() {
    await api.request("unwatch_turn_servers");
    watches = false;
    say("does not watch any more", "unwatched");
}

async function onUpdate(update) {
    if (update.uris.length === 0) return;
    servers = update;
    call.renew(update);
    const relay = await tryRelay(update);
    tell({ what: "relay", ...relay, username: update.username });
    if (relay.address) {
        if (!call.isOn) say(`has a relay at ${relay.address}`, "ready");
    } else if (!call.isOn) {
        say(`no relay: ${relay.why}`, relay.rejected ? "rejected" : "no-relay");
    }
}

/** Sends what no widget should, and counts what comes back. */
async function flood() {
    let answered = 0;
    const counts = ({ source, data }) => {
        if (source === parent && data?.response && data.action === "watch_turn_servers") answered += 1;
    };
    addEventListener("message", counts);
    for (let i = 0; i < FLOOD; i++) api.post("watch_turn_servers");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    removeEventListener("message", counts);
    tell({ what: "flooded", sent: FLOOD, answered });
}

call.addEventListener("track", ({ detail: track }) => {
    remote.srcObject ??= new MediaStream();
    for (const old of remote.srcObject.getTracks()) {
        if (old.kind === track.kind) remote.srcObject.removeTrack(old);
    }
    remote.srcObject.addTrack(track);
});

call.addEventListener("state", ({ detail: state }) => {
    document.body.classList.toggle("connected", call.isConnected);
    say(call.isConnected ? IN_CALL : `call: ${state}`, state);
});

call.addEventListener("figures", ({ detail }) => {
    const { rtt, relay, fps } = detail;
    figures.textContent = `${rtt.toFixed(1)} ms · relay ${relay} · ${fps} frames/s`;
    tell({ what: "figures", ...detail });
});

call.addEventListener("broken", () => tell({ what: "broken" }));

const commands = {
    call: () => servers && call.start(servers),
    restart: () => call.restart(),
    hang_up: () => call.hangUp(),
    signal: ({ signal }) => servers && call.onSignal(signal, servers),
    watch,
    unwatch,
    flood,
    // Asks for a relay once more with what it holds: a client does so before every call.
    try: () => servers && onUpdate(servers),
    async sound({ on }) {
        if (on && tone === null) {
            tone = new Tone(widgetId);
            call.sendAudio(tone.track);
        }
        remote.muted = !on;
        await (on ? tone.start() : tone?.stop());
    },
};

addEventListener("message", async ({ source, origin: from, data }) => {
    if (source !== parent || from !== origin || !data?.command) return;
    try {
        await commands[data.command]?.(data);
    } catch (error) {
        say(`${data.command}: ${error.message}`, "failed");
    }
});

// Tests look at these.
window.widget = { held: () => servers, watches: () => watches };

start();
