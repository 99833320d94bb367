// Drives a browser: `node browser.mjs chrome|firefox PROGRAM`, then commands. Ends, and the browser
// with it, when stdin closes.

import puppeteer from "puppeteer-core";

import { follow } from "./lines.mjs";

const CLOSE_TIMEOUT_MS = 10_000;

/** Less than whoever sends commands waits for an answer, so that the answer says what took too long. */
const TIMEOUT_MS = 45_000;

const [kind, executablePath] = process.argv.slice(2);

const browser = await puppeteer.launch({
    browser: kind,
    executablePath,
    timeout: TIMEOUT_MS,
    // Whoever interrupts this interrupts the program that holds stdin.
    handleSIGINT: false,
    ...{
        chrome: {
            // Chromium ends once nobody holds the other end.
            pipe: true,
            args: [
                "--allow-loopback-in-peer-connection",
                "--disable-gpu",
                "--disable-quic",
                "--no-sandbox",
            ],
        },
        firefox: {
            extraPrefsFirefox: { "media.peerconnection.ice.loopback": true },
        },
    }[kind],
});

// The frame of each page's widget. Looking it up each time would have to wait for a page that is
// busy.
const widgets = new Map();

const commands = {
    version: () => browser.version(),

    /** Each page has a context of its own, as if it were another person's browser. */
    async open({ page: name, url }) {
        const context = await browser.createBrowserContext();
        const page = await context.newPage();
        page.setDefaultTimeout(TIMEOUT_MS);
        page.on("pageerror", (error) => console.error(`${name}: ${error.message}`));
        page.on("error", () => console.error(`${name}: the page crashed`));
        await page.goto(url);
        widgets.set(name, await widget(page));
    },

    async reload({ page: name }) {
        const page = widgets.get(name).page();
        await page.reload();
        widgets.set(name, await widget(page));
    },

    /** Only the widget, inside of a page that stays. */
    async reloadWidget({ page: name }) {
        const frame = widgets.get(name);
        await frame.evaluate("window.widget.isOld = true");
        await frame.page().evaluate(() => {
            const frame = document.getElementById("widget");
            frame.src = frame.src;
        });
        await frame.waitForFunction("window.widget && !window.widget.isOld");
    },

    /** What an expression in the widget comes to, once it is settled. */
    evaluate({ page: name, expression }) {
        return widgets.get(name).evaluate(expression);
    },
};

async function widget(page) {
    const element = await page.waitForSelector("iframe[src]");
    const frame = await element.contentFrame();
    await frame.waitForFunction("window.widget");
    return frame;
}

follow(commands, async () => {
    // If the browser does not close: puppeteer-core kills it when this program exits.
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    await browser.close();
    process.exit();
});
