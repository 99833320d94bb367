// Drives Chromium: a JSON command a line on stdin, a JSON answer a line on stdout. Ends, and Chromium
// with it, when stdin closes.

import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const CLOSE_TIMEOUT_MS = 10_000;

const browser = await chromium.launch({
    executablePath: process.env.E2E_CHROMIUM,
    // Whoever interrupts this interrupts the program that holds stdin.
    handleSIGINT: false,
    args: [
        "--allow-loopback-in-peer-connection",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
        "--no-sandbox",
    ],
});

const pages = new Map();

const commands = {
    version: () => browser.version(),

    /** Each page has a context of its own, as if it were another person's browser. */
    async open({ page: name, url }) {
        const context = await browser.newContext();
        const page = await context.newPage();
        page.on("pageerror", (error) => console.error(`${name}: ${error.message}`));
        page.on("crash", () => console.error(`${name}: the page crashed`));
        await page.goto(url);
        pages.set(name, page);
        await widget(page);
    },

    async reload({ page: name }) {
        const page = pages.get(name);
        await page.reload();
        await widget(page);
    },

    /** Only the widget, inside of a page that stays. */
    async reloadWidget({ page: name }) {
        const page = pages.get(name);
        const frame = await widget(page);
        await frame.evaluate("window.widget.isOld = true");
        await page.evaluate(() => {
            const frame = document.getElementById("widget");
            frame.src = frame.src;
        });
        await frame.waitForFunction("window.widget && !window.widget.isOld");
    },

    /** What an expression in the widget comes to, once it is settled. */
    async evaluate({ page: name, expression }) {
        const frame = await widget(pages.get(name));
        return frame.evaluate(expression);
    },

};

async function widget(page) {
    const element = await page.waitForSelector("iframe[src]", { state: "attached" });
    const frame = await element.contentFrame();
    await frame.waitForFunction("window.widget");
    return frame;
}

async function answer(line) {
    const { id, command, ...parameters } = JSON.parse(line);
    let answer;
    try {
        answer = { id, value: (await commands[command](parameters)) ?? null };
    } catch (error) {
        answer = { id, error: error.message };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}

const lines = createInterface({ input: process.stdin });
lines.on("line", answer);
lines.on("close", async () => {
    // If Chromium does not close: playwright-core kills it when this program exits.
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    await browser.close();
    process.exit();
});
