"""An HTTPS server with headquarters' certificate that answers as the test says: the HQ that lies, hangs or never ends."""
import http.server
import json
import ssl
import threading


class FakeHq:
    """`answer(request)` -> (status, body) or None to hang up; `requests` are (method, path, body) as they came.

    A body that is a generator is sent without a length until it ends or the client goes.
    """

    def __init__(self, pki, answer, pair=None):
        self.pki, self.answer, self.pair = pki, answer, pair or pki.server
        self.requests = []
        self.stopping = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size) if size else b""
                outer.requests.append((self.command, self.path, body))
                answer = outer.answer(outer.requests[-1])
                if answer is None:
                    self.close_connection = True
                    return
                status, content = answer
                if isinstance(content, (dict, list)):
                    content = json.dumps(content)
                if isinstance(content, str):
                    content = content.encode()
                self.send_response(status)
                if isinstance(content, bytes):
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                    return
                self.close_connection = True
                self.end_headers()
                for piece in content:
                    self.wfile.write(piece)

            do_GET = do_POST = do_PUT = handle_one

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that hangs up is what is tested

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
        context.load_cert_chain(self.pair.pem, self.pair.key_path)
        context.load_verify_locations(pki.boxes.pem)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def paths(self, part):
        return [path for _, path, _ in self.requests if part in path]

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)
