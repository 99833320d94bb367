//! The page's files, which are part of this program.

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! file {
    ($name:literal, $kind:ident) => {
        ($name, $kind, include_str!(concat!("../../web/", $name)))
    };
}

/// A name, a content type, and the contents.
pub(super) type File = (&'static str, &'static str, &'static str);

/// What the page consists of.
pub(super) const PAGE: &[File] = &[
    file!("index.html", HTML),
    file!("base.css", CSS),
    file!("layout.css", CSS),
    file!("call.css", CSS),
    file!("life.css", CSS),
    file!("prompt.css", CSS),
    file!("timeline.css", CSS),
    file!("breaks.css", CSS),
    file!("log.css", CSS),
    file!("icon.svg", SVG),
    file!("page.js", SCRIPT),
    file!("socket.js", SCRIPT),
    file!("widgets.js", SCRIPT),
    file!("prompt.js", SCRIPT),
    file!("life.js", SCRIPT),
    file!("timeline.js", SCRIPT),
    file!("log.js", SCRIPT),
    file!("breaks.js", SCRIPT),
    file!("words.js", SCRIPT),
];

/// What a widget consists of.
pub(super) const WIDGET: &[File] = &[
    file!("widget/widget.html", HTML),
    file!("widget/widget.css", CSS),
    file!("widget/widget.js", SCRIPT),
    file!("widget/api.js", SCRIPT),
    file!("widget/call.js", SCRIPT),
    file!("widget/relay.js", SCRIPT),
    file!("widget/media.js", SCRIPT),
];

/// The file of this name, with `{{...}}` in it filled in. `policy` is what its scripts may reach.
pub(super) fn serve(
    files: &[File],
    name: &str,
    policy: &str,
    fill_in: &[(&str, &str)],
) -> Response {
    let Some((_, kind, contents)) = files.iter().find(|(file, ..)| *file == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut contents = (*contents).to_owned();
    if *kind == HTML {
        for (place, value) in fill_in {
            contents = contents.replace(&format!("{{{{{place}}}}}"), value);
        }
    }
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    (headers, contents).into_response()
}
