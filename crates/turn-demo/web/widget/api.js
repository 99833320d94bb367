// The widget API, from the widget's side: requests, responses, and nothing that is particular to TURN.

const ANSWER_TIMEOUT_MS = 10_000;

export class WidgetApi {
    #widgetId;
    #origin;
    #handlers = new Map();
    #waiting = new Map();
    #requests = 0;

    /** Talks to the page of this origin that this widget is a frame of. */
    constructor(widgetId, origin) {
        this.#widgetId = widgetId;
        this.#origin = origin;
        addEventListener("message", (event) => {
            if (event.source === parent && event.origin === origin) this.#onMessage(event.data);
        });
    }

    /** What to answer to a request of the client's. */
    on(action, handler) {
        this.#handlers.set(action, handler);
    }

    /** Resolves with the response; rejects if it is an error, or if there is none in time. */
    request(action, data = {}) {
        const requestId = this.post(action, data);
        return new Promise((resolve, reject) => {
            const late = () => this.#settle(requestId)?.reject(new Error(`no answer to ${action}`));
            const timer = setTimeout(late, ANSWER_TIMEOUT_MS);
            this.#waiting.set(requestId, { resolve, reject, timer });
        });
    }

    /** Sends a request, and does not wait for the response. */
    post(action, data = {}) {
        this.#requests += 1;
        const requestId = `widget-${this.#widgetId}-${this.#requests}`;
        this.#send({ api: "fromWidget", widgetId: this.#widgetId, requestId, action, data });
        return requestId;
    }

    #onMessage(message) {
        if (message?.api === "toWidget") {
            const handler = this.#handlers.get(message.action);
            this.#send({ ...message, response: handler?.(message.data) ?? {} });
        } else if (message?.api === "fromWidget") {
            const { response } = message;
            const waiting = this.#settle(message.requestId);
            if (response?.error) waiting?.reject(new Error(response.error.message));
            else waiting?.resolve(response);
        }
    }

    #settle(requestId) {
        const waiting = this.#waiting.get(requestId);
        this.#waiting.delete(requestId);
        clearTimeout(waiting?.timer);
        return waiting;
    }

    #send(message) {
        parent.postMessage(message, this.#origin);
    }
}
