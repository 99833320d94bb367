// The ring that runs down, and what the service knows right now.

import { span } from "./words.js";

const STATES = {
    available: "valid",
    fallback: "the client's own",
    unavailable: "none",
};

export class Life {
    #ring = document.getElementById("ring");
    #left = this.#ring.querySelector(".left");
    #due = this.#ring.querySelector(".due");
    #shown = new Map();
    #asks = false;

    /** The library asks the homeserver, or has been answered. */
    on({ track, kind }) {
        if (track !== "ours" || !["request", "answer", "error"].includes(kind)) return;
        this.#asks = kind === "request";
    }

    show({ service, ttl_ms: ttl, username }) {
        const { valid_for_ms: left, next_request_in_ms: next } = service;
        this.#showRing(left, ttl, next);
        this.#say("state", STATES[service.state] ?? "not asked yet");
        this.#say("next", next === null ? this.#nextWithoutTimer(service) : `in ${span(next)}`);
        this.#say("subscribers", service.subscribers);
        this.#say("requests", service.requests);
        this.#say("failures", service.failures_in_a_row);
        this.#say("username", username ?? "–");
        this.#say("failure", service.last_failure?.message ?? "");
    }

    #showRing(left, ttl, next) {
        const share = left === null || !ttl ? 0 : Math.min(left / ttl, 1);
        this.#left.style.strokeDasharray = `${(share * 100).toFixed(1)} 100`;
        this.#ring.classList.toggle("low", share < 0.25);
        // The hand stands where the ring's end will be at the next request.
        const dueShare = left !== null && ttl && next !== null ? (left - next) / ttl : -1;
        this.#due.style.opacity = dueShare >= 0 && dueShare <= 1 ? 1 : 0;
        this.#due.style.transform = `rotate(${(dueShare * 360).toFixed(1)}deg)`;
        const seconds = left === null ? "–" : left < 100_000 ? Math.ceil(left / 1000) : Math.round(left / 60_000);
        this.#say("ring-left", seconds);
        this.#say("ring-unit", left !== null && left >= 100_000 ? "minutes left" : "seconds left");
        this.#say("ring-title", left === null ? "No credentials" : `Credentials for another ${span(left)}`);
    }

    /** Touches the page only where something changes. */
    #say(id, text) {
        if (this.#shown.get(id) === text) return;
        this.#shown.set(id, text);
        document.getElementById(id).textContent = text;
    }

    #nextWithoutTimer({ subscribers }) {
        if (this.#asks) return "asking now";
        return subscribers === 0 ? "no subscriber" : "none by itself";
    }
}
