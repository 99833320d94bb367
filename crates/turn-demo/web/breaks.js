// What can be broken, by whom, and what the library does about it.

import { span } from "./words.js";

const HOMESERVER = [
    [null, "Works", "The homeserver answers well again. The library finds out with its next request; refresh() asks now, unless a request is in flight or the last success is younger than 10 s.", "S9"],
    ["forbidden", "403", "The homeserver refuses TURN to this account. The library uses valid credentials until they expire. It asks again after refresh(), or for a new subscriber after 5 minutes.", "S7, S6"],
    ["rate_limited", "429", "The homeserver asks for 3 s of quiet before each answer. The library waits until one of the two clocks has passed that time, whatever is called meanwhile.", "S5"],
    ["outage", "503", "After each answer, the homeserver is down for 8 s. The library asks again within a second, then at growing random intervals; a third of the TTL is there to ride it out.", "S4, S3"],
    ["not_configured", "{ }", "The homeserver says that it has no TURN server, as Synapse does. What is held is used until it expires; then the library asks at once, hourly from there, and for a new subscriber after 5 minutes.", "S7, S6"],
    ["proxy_page", "404 page", "A proxy answers in HTML. That is not the homeserver's word, so it counts as an outage: asked again within a minute, not within an hour.", "S4"],
    ["nonsense", "Nonsense", "Half an object is no answer. It counts as an outage, and nothing of it is logged: there might be a password in it.", "S4"],
    ["hanging", "Hangs", "The homeserver takes the request and says nothing. After 8 s the library stops waiting; the request is left to end by itself, and the next one waits its turn. A widget that asks meanwhile is told so after 8 s.", "S1, S4, W7"],
];

const WORLD = [
    ["secret", "Change the secret", "Homeserver and TURN server share another secret: the TURN server now refuses every password handed out so far. A widget finds out with its next Allocate; the client calls report_rejected(), and the library asks for others at once.", "S10"],
    ["sleep", "Sleep one TTL", "Timers stand still while the machine sleeps, the wall clock goes on. What expired on either clock is withdrawn as soon as anything looks, as this page does all the time, and within 30 s otherwise.", "S8"],
    ["runtime", "End a runtime", "A subscriber on another tokio runtime comes, and that runtime ends. The service's task runs on its own runtime, so the other subscribers are still served.", "“Runtimes and threads”"],
    ["refresh", "refresh()", "The app resumed, or the network changed. The library asks now, unless it got an answer in the last 10 s or was told to wait.", "S9"],
    ["cut", "Cut the WebSocket", "The page loses the program, and comes back. Updates are not queued but fetched, so a widget never gets credentials that expired meanwhile.", "W11"],
];

const WIDGET = [
    ["reload", "Reload A", "Its page loads again with a new driver. The answer to its watch comes at once, with the credentials that are held: no request is sent.", "S2, W14"],
    ["watch", "Unwatch A", "After the response to unwatch no update goes out. When nobody watches any more, the library keeps what it knows, and sets no timer.", "W10, S11"],
    ["flood", "Flood from A", "2000 watch requests in a row. At most 15 wait and 64 answers are kept; the rest is dropped with one warning. The homeserver sees none of it.", "W19"],
    ["close", "Close B", "The client drops its handle, and nothing else. The subscription is released at once, and the driver's future ends within 10 s.", "W20"],
];

/** What the slider stands at, in seconds. */
const TTLS = [10, 15, 30, 60, 120, 600, 3600];
/** Below it, the floor of 10 s between two requests wins. */
const SHORT_TTL = 15;

export class Breaks extends EventTarget {
    #socket;
    #said = document.getElementById("said");
    #ttl = document.getElementById("ttl");
    #standsFor = document.getElementById("stands-for");
    #buttons = new Map();
    #faults = new Map();

    constructor(socket, ttl) {
        super();
        this.#socket = socket;
        this.#addGroup("The homeserver answers", "faults", HOMESERVER, (fault) => this.#setFault(fault));
        this.#addGroup("The world", "", WORLD, (what) => this.#press(what));
        this.#addGroup("The widgets", "", WIDGET, (what) => this.#press(what));
        for (const [fault] of HOMESERVER) this.#faults.set(fault, this.#buttons.get(fault));
        this.#ttl.value = nearest(ttl);
        this.#ttl.addEventListener("input", () => this.#showTtl());
        this.#ttl.addEventListener("change", () => this.#sendTtl());
        this.#standsFor.addEventListener("change", () => this.#sendTtl());
        this.#showTtl();
    }

    get ttl() {
        return TTLS[this.#ttl.value];
    }

    /** Shows which fault there is. */
    show({ fault }) {
        for (const [name, button] of this.#faults) {
            button.setAttribute("aria-pressed", String(name === fault));
        }
    }

    /** The words on a button change with what it does. */
    rename(what, label) {
        const button = this.#buttons.get(what);
        if (button.textContent !== label) button.textContent = label;
    }

    #addGroup(title, className, entries, press) {
        const group = document.createElement("fieldset");
        group.className = className;
        const legend = document.createElement("legend");
        legend.textContent = title;
        group.append(legend);
        for (const [what, label, sentence, rule] of entries) {
            const button = document.createElement("button");
            button.type = "button";
            button.id = `break-${what ?? "nothing"}`;
            button.textContent = label;
            button.addEventListener("click", () => {
                this.#say(label, sentence, rule);
                press(what);
            });
            this.#buttons.set(what, button);
            group.append(button);
        }
        document.getElementById("buttons").append(group);
    }

    #say(label, sentence, rule) {
        const title = document.createElement("b");
        title.textContent = label;
        const source = document.createElement("span");
        source.className = "rule";
        source.textContent = rule;
        this.#said.replaceChildren(title, ` ${sentence} `, source);
    }

    #setFault(fault) {
        this.#socket.send({ type: "break", what: "homeserver", fault });
    }

    #press(what) {
        if (what === "sleep") {
            this.#socket.send({ type: "break", what, seconds: this.ttl });
        } else if (["secret", "runtime", "refresh"].includes(what)) {
            this.#socket.send({ type: "break", what });
        }
        this.dispatchEvent(new CustomEvent(what));
    }

    #showTtl() {
        const text = span(this.ttl * 1000);
        this.#ttl.setAttribute("aria-valuetext", text);
        for (const id of ["ttl-text", "demo-ttl"]) document.getElementById(id).textContent = text;
    }

    #sendTtl() {
        const stands_for = Number(this.#standsFor.value);
        this.#socket.send({ type: "break", what: "ttl", seconds: this.ttl, stands_for });
        const late = this.ttl < SHORT_TTL
            ? " That is too short: 10 s must pass between two requests, so each set expires before the next one is asked for."
            : "";
        this.#say(
            `Valid for ${span(this.ttl * 1000)}`,
            `From the next answer on. The library refreshes at two thirds of the TTL, 5% earlier or later at random, and never sooner than 10 s after the last success.${late}`,
            "S3",
        );
    }
}

function nearest(seconds) {
    const distance = (ttl) => Math.abs(Math.log(ttl / seconds));
    const best = TTLS.reduce((best, ttl) => (distance(ttl) < distance(best) ? ttl : best));
    return TTLS.indexOf(best);
}
