// The client's page: an iframe with the widget, and a bridge between it and the host program.

const widgetId = new URLSearchParams(location.search).get("widgetId");
const frame = document.getElementById("widget");

// Another origin than this page's, as a widget in a client has.
const widgetUrl = new URL("widget.html", location);
widgetUrl.hostname = "localhost";
widgetUrl.search = new URLSearchParams({ widgetId, clientOrigin: location.origin });

const socket = new WebSocket(`ws://${location.host}/socket/${widgetId}`);

socket.addEventListener("open", () => {
    frame.src = widgetUrl;
});

socket.addEventListener("message", ({ data }) => {
    frame.contentWindow.postMessage(JSON.parse(data), widgetUrl.origin);
});

addEventListener("message", ({ source, data }) => {
    if (source === frame.contentWindow) socket.send(JSON.stringify(data));
});
