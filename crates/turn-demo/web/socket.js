// The connection to the program, which comes back when it was cut.

const FIRST_DELAY_MS = 300;
const LONGEST_DELAY_MS = 5_000;

/** After this many failures the page says that the program has probably ended. */
const PROBABLY_GONE = 4;

/** Messages that wait while there is no connection. The oldest make room. */
const WAITING = 100;

/** Bytes of the longest message that the program takes. A longer one would cost the connection. */
const LONGEST_MESSAGE = 128 * 1024;

export class Socket extends EventTarget {
    #url;
    #protocols;
    #socket = null;
    #waiting = [];
    #failures = 0;

    constructor(token) {
        super();
        // A page that is loaded again is another tab to the program.
        this.#url = `ws://${location.host}/socket/${crypto.randomUUID()}`;
        this.#protocols = ["turn-demo", token];
        this.#connect();
    }

    /** Sends, or keeps it for the next connection. `false` if it is too long. */
    send(message) {
        const text = JSON.stringify(message);
        if (isTooLong(text)) return false;
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
        else this.#waiting = [...this.#waiting, text].slice(-WAITING);
        return true;
    }

    /** As if the network did it. */
    cut() {
        this.#socket?.close();
    }

    #connect() {
        const socket = new WebSocket(this.#url, this.#protocols);
        this.#socket = socket;
        socket.addEventListener("open", () => {
            this.#failures = 0;
            for (const text of this.#waiting.splice(0)) socket.send(text);
        });
        socket.addEventListener("message", ({ data }) => {
            const message = JSON.parse(data);
            this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
        });
        socket.addEventListener("close", () => {
            this.#failures += 1;
            const isGone = this.#failures >= PROBABLY_GONE;
            this.dispatchEvent(new CustomEvent("lost", { detail: { isGone } }));
            const delay = Math.min(FIRST_DELAY_MS * 2 ** this.#failures, LONGEST_DELAY_MS);
            setTimeout(() => this.#connect(), delay);
        });
    }
}

function isTooLong(text) {
    // UTF-8 takes three bytes at most for what is one character here.
    if (text.length * 3 <= LONGEST_MESSAGE) return false;
    return text.length > LONGEST_MESSAGE || new TextEncoder().encode(text).length > LONGEST_MESSAGE;
}
