// The permission prompt: everything that a widget asks for in one dialog.

import { TURN_SERVERS, capability } from "./words.js";

export class Prompt {
    #socket;
    #dialog = document.getElementById("prompt");
    #title = document.getElementById("prompt-title");
    #list = document.getElementById("prompt-list");
    #remember = document.getElementById("prompt-remember");
    #questions = [];

    constructor(socket) {
        this.#socket = socket;
        socket.addEventListener("question", ({ detail }) => this.#ask(detail));
        // Closed by Escape, it returns nothing, and nothing is granted.
        this.#dialog.addEventListener("close", () => this.#answer(this.#dialog.returnValue));
    }

    #ask(question) {
        this.#questions = this.#questions.filter(({ widget }) => widget !== question.widget);
        this.#questions.push(question);
        this.#show();
    }

    #show() {
        const [question] = this.#questions;
        if (question === undefined || this.#dialog.open) return;
        this.#title.textContent = `Widget ${question.widget.toUpperCase()} asks for permission`;
        const sentences = question.capabilities.map(capability);
        if (question.turn_servers) sentences.push(TURN_SERVERS);
        this.#list.replaceChildren(
            ...sentences.map((sentence) => {
                const item = document.createElement("li");
                item.textContent = sentence;
                return item;
            }),
        );
        this.#remember.checked = false;
        this.#dialog.returnValue = "";
        this.#dialog.showModal();
    }

    #answer(value) {
        const question = this.#questions.shift();
        if (question === undefined) return;
        const allow = value === "allow";
        const remember = this.#remember.checked && value !== "";
        this.#socket.send({ type: "decide", widget: question.widget, allow, remember });
        // The answer is for both.
        if (remember) this.#questions = [];
        this.#show();
    }
}
