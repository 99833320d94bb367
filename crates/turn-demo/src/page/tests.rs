//! The page's servers, asked as a browser, and as somebody else, would ask them.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Page;

const TTL: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(20);

/// A page, where it is, and what only it knows.
struct Served {
    page: Page,
    host: String,
    token: String,
}

impl Served {
    async fn start() -> Self {
        let page = Page::start(TTL).await.unwrap();
        let host = page.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let index = get(&host, &host, "/").await;
        let token = between(&index, "name=\"token\" content=\"", "\"").to_owned();
        Self { page, host, token }
    }

    async fn socket(&self, host: &str, origin: &str, token: &str) -> (TcpStream, String) {
        self.connect("/socket/tab", host, origin, token).await
    }

    async fn connect(
        &self,
        path: &str,
        host: &str,
        origin: &str,
        token: &str,
    ) -> (TcpStream, String) {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: turn-demo, {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let status = read_head(&mut stream).await;
        (stream, status)
    }
}

/// The response to a request that names `host`, sent to `address`.
async fn get(address: &str, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut response)).await.unwrap().unwrap();
    response
}

/// The head of a response, byte by byte, since a WebSocket's messages follow it.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[tokio::test]
async fn another_name_for_this_computer_is_refused() {
    let served = Served::start().await;
    let host = &served.host;
    assert!(get(host, host, "/").await.starts_with("HTTP/1.1 200"));

    let port = host.rsplit(':').next().unwrap();
    for other in [format!("localhost:{port}"), format!("evil.example:{port}"), "127.0.0.1".into()] {
        for path in ["/", "/page.js"] {
            let response = get(host, &other, path).await;
            assert!(response.starts_with("HTTP/1.1 421"), "{other}{path}: {response}");
            assert!(!response.contains(&served.token));
        }
    }
}

#[tokio::test]
async fn the_socket_is_for_the_page_of_this_run() {
    let served = Served::start().await;
    let Served { host, token, .. } = &served;
    let origin = format!("http://{host}");
    let status = async |host: &str, origin: &str, token: &str| {
        let (_stream, head) = served.socket(host, origin, token).await;
        head[9..12].to_owned()
    };

    assert_eq!(status(host, &origin, token).await, "101");
    assert_eq!(status(host, "http://evil.example", token).await, "403");
    assert_eq!(status(host, "null", token).await, "403");
    assert_eq!(status(host, &origin, "a-guess").await, "403");
    assert_eq!(status("evil.example", &origin, token).await, "421");
    // The widgets' origin is not the page's.
    let index = get(host, host, "/").await;
    let widgets = between(&index, "name=\"widgets\" content=\"", "\"");
    assert_eq!(status(host, widgets, token).await, "403");
}

#[tokio::test]
async fn a_message_of_ten_mebibytes_ends_the_connection_at_its_header() {
    let served = Served::start().await;
    let origin = format!("http://{}", served.host);
    let (mut stream, _) = served.socket(&served.host, &origin, &served.token).await;

    // A masked text frame that announces 10 MiB, of which none is ever sent.
    let mut header = vec![0x81, 0xff];
    header.extend((10_u64 * 1024 * 1024).to_be_bytes());
    header.extend([0; 4]);
    stream.write_all(&header).await.unwrap();

    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn one_tab_too_many_is_told_so() {
    let served = Served::start().await;
    let origin = format!("http://{}", served.host);
    let mut tabs = Vec::new();
    for number in 0..9 {
        let path = format!("/socket/tab-{number}");
        tabs.push(served.connect(&path, &served.host, &origin, &served.token).await.0);
    }
    let mut told = Vec::new();
    let last = tabs.last_mut().unwrap();
    timeout(PATIENCE, last.read_to_end(&mut told)).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("8 tabs are open"), "{told:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_no_failure() {
    let first = Page::start(TTL).await.unwrap();
    let second = Page::start(TTL).await.unwrap();
    assert_ne!(first.url(), second.url());
    assert!(second.url().starts_with("http://127.0.0.1:"));
    // Another program may have had the port, and left it before the second page started.
    assert!(second.moved().or(first.moved()).unwrap().contains("is taken"));
}

#[tokio::test]
async fn everything_that_the_pages_refer_to_is_there() {
    let served = Served::start().await;
    let host = &served.host;
    let index = get(host, host, "/").await;
    assert!(!index.contains("{{"), "a place is not filled in");
    let widgets = between(&index, "name=\"widgets\" content=\"http://", "\"").to_owned();

    let mut to_look_at =
        vec![(host.clone(), "/".to_owned()), (widgets, "/widget/widget.html".to_owned())];
    let mut seen = Vec::new();
    while let Some((host, path)) = to_look_at.pop() {
        let contents = get(&host, &host, &path).await;
        assert!(contents.starts_with("HTTP/1.1 200"), "{path}: {contents}");
        let directory = path.rsplit_once('/').unwrap().0.to_owned();
        for before in ["src=\"", "href=\"", "from \"./"] {
            for name in contents.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                to_look_at.push((host.clone(), format!("{directory}/{name}")));
            }
        }
        seen.push(path);
    }
    for script in ["/timeline.js", "/words.js", "/widget/relay.js"] {
        assert!(seen.iter().any(|path| path == script), "{script}");
    }
    drop(served.page);
}
