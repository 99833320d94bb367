// A JSON command a line on stdin, a JSON answer a line on stdout, until stdin closes.

import { createInterface } from "node:readline";

/** Answers with what a function of this name among `commands` comes to, given the command's fields. */
export function follow(commands, onEnd) {
    async function answer(line) {
        const { id, command, ...parameters } = JSON.parse(line);
        let answer;
        try {
            answer = { id, value: (await commands[command](parameters)) ?? null };
        } catch (error) {
            answer = { id, error: withCauses(error) };
        }
        process.stdout.write(`${JSON.stringify(answer)}\n`);
    }

    const lines = createInterface({ input: process.stdin });
    lines.on("line", answer);
    lines.on("close", onEnd);
}

function withCauses({ message, cause }) {
    return cause instanceof Error ? `${message}: ${withCauses(cause)}` : message;
}
