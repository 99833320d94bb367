// The whole of MSC3846 with credentials that are held, at matrix-widget-api's host: watch, `{}`, update,
// acknowledgement, unwatch, `{}`. Prints the nanoseconds of CPU time that so many cycles took.
//
// Messages are objects, as `postMessage` carries them in a browser; what it costs to copy them from one
// window to another is not counted.

import { ClientWidgetApi, Widget, WidgetDriver } from "matrix-widget-api";

const WARM_UP = 20_000;

const WIDGET_ID = "w1";

const CAPABILITY = "town.robin.msc3846.turn_servers";

const SERVER = {
    uris: ["turn:turn.example.org:3478?transport=udp"],
    username: "alice",
    password: "turn-s3cret",
};

// The host logs every message, for its developers.
console.log = console.error = () => {};

/** Has credentials at once, and no others later. */
class Driver extends WidgetDriver {
    validateCapabilities(requested) {
        return Promise.resolve(requested);
    }

    getTurnServers() {
        let end;
        const ended = new Promise((resolve) => (end = () => resolve({ done: true })));
        const outcomes = [Promise.resolve({ done: false, value: SERVER }), ended];
        return {
            next: () => outcomes.shift() ?? ended,
            return: () => {
                end();
                return ended;
            },
            [Symbol.asyncIterator]() {
                return this;
            },
        };
    }
}

// The window that the host listens to.
let toHost;
globalThis.addEventListener = (_type, listener) => (toHost = listener);
globalThis.removeEventListener = () => {};

// The widget's window: what it is sent is taken in order.
const sent = [];
let taken = () => {};
const contentWindow = {
    postMessage(message) {
        sent.push(message);
        taken();
    },
};

async function receive() {
    while (sent.length === 0) await new Promise((resolve) => (taken = resolve));
    return sent.shift();
}

let requests = 0;

function request(action) {
    requests += 1;
    const requestId = `widgetapi-${requests}`;
    toHost({ data: { api: "fromWidget", widgetId: WIDGET_ID, requestId, action, data: {} } });
}

function respond(message, response) {
    toHost({ data: { ...message, response } });
}

async function expect(action) {
    const message = await receive();
    if (message.action !== action) throw new Error(`${message.action} instead of ${action}`);
    return message;
}

async function negotiate() {
    const widget = new Widget({
        id: WIDGET_ID,
        creatorUserId: "@alice:localhost",
        type: "m.custom",
        url: "https://widget.example.org",
        waitForIframeLoad: false,
    });
    new ClientWidgetApi(widget, { contentWindow, addEventListener() {} }, new Driver());
    request("content_loaded");
    for (;;) {
        const message = await receive();
        if (message.api === "fromWidget") continue;
        const response = { capabilities: [CAPABILITY], supported_versions: [] };
        respond(message, response);
        if (message.action === "notify_capabilities") return;
    }
}

async function cycle() {
    request("watch_turn_servers");
    await expect("watch_turn_servers");
    respond(await expect("update_turn_servers"), {});
    request("unwatch_turn_servers");
    await expect("unwatch_turn_servers");
}

async function cycles(times) {
    for (let i = 0; i < times; i++) await cycle();
}

await negotiate();
await cycles(WARM_UP);
const before = process.cpuUsage();
await cycles(Number(process.argv[2]));
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${(user + system) * 1000}\n`);
process.exit();
