// The two widgets' frames, and the bridge between them and the program: what a native client's webview
// does.

export class Widgets extends EventTarget {
    #socket;
    #origin;
    #frames = new Map();

    constructor(socket, origin) {
        super();
        this.#socket = socket;
        this.#origin = origin;
        for (const id of ["a", "b"]) {
            this.#frames.set(id, document.getElementById(`frame-${id}`));
        }
        addEventListener("message", (event) => this.#onPosted(event));
        socket.addEventListener("message", ({ detail }) => this.#onMessage(detail));
    }

    get ids() {
        return [...this.#frames.keys()];
    }

    /** Loads a widget, with a driver of its own: the SDK negotiates once per driver. */
    open(id) {
        this.#socket.send({ type: "open", widget: id });
        this.#frames.get(id).src = `${this.#origin}/widget/widget.html?id=${id}`;
    }

    /** Takes the view away, and has the program drop its handle. */
    close(id) {
        this.#frames.get(id).src = "about:blank";
        this.#socket.send({ type: "close", widget: id });
    }

    /** Tells a widget to do something that is no business of the widget API's. */
    command(id, command, parameters = {}) {
        this.#frames.get(id).contentWindow.postMessage({ command, ...parameters }, this.#origin);
    }

    #onMessage({ widget, message }) {
        this.#emit("carried", { widget, message, toWidget: true });
        this.#frames.get(widget).contentWindow.postMessage(message, this.#origin);
    }

    #onPosted({ source, origin, data }) {
        const from = this.ids.find((id) => this.#frames.get(id).contentWindow === source);
        if (from === undefined || origin !== this.#origin) return;
        if (data?.demo) {
            this.#emit("told", { widget: from, ...data.demo });
        } else if (data?.api) {
            const isShort = this.#socket.send({ type: "message", widget: from, message: data });
            this.#emit(isShort ? "carried" : "refused", { widget: from, message: data });
        }
    }

    #emit(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }
}
