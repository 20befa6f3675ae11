"""A worker of the first published generation, written anew on Python's standard library alone.

It registers, says how it is in heartbeats, polls for tasks, hands nested results in, and listens for
cancellations on a WebSocket whose handshake and frames it makes by hand. All that it sees goes to
standard output, a JSON object a line, for the test that started it.
"""

import base64
import hashlib
import http.client
import json
import os
import socket
import struct
import sys
import threading
import urllib.parse

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class Http:
    """One request a connection, as the old client did after an error; slow and simple."""

    def __init__(self, url, token):
        self.place = urllib.parse.urlsplit(url)
        self.token = token

    def send(self, method, path, body=None, timeout=35):
        connection = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=timeout)
        headers = {"X-Worker-Token": self.token, "Accept-Encoding": "identity"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else None


class Socket:
    """The client's side of a WebSocket: enough for text, pings and an orderly end."""

    def __init__(self, url, path, token):
        place = urllib.parse.urlsplit(url)
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream = socket.create_connection((place.hostname, place.port), timeout=35)
        request = [
            f"GET {path} HTTP/1.1",
            f"Host: {place.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"X-Worker-Token: {token}",
        ]
        self.stream.sendall("\r\n".join(request + ["", ""]).encode())
        self.rest = b""
        head = self._until(b"\r\n\r\n").decode().split("\r\n")
        self.status = int(head[0].split()[1])
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        wanted = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
        self.accepted = self.status == 101 and fields.get("sec-websocket-accept") == wanted.lower()
        self.lock = threading.Lock()

    def _until(self, mark):
        while mark not in self.rest:
            self._more()
        head, self.rest = self.rest.split(mark, 1)
        return head

    def _take(self, count):
        while len(self.rest) < count:
            self._more()
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def _more(self):
        data = self.stream.recv(65536)
        if not data:
            raise EOFError("the server closed the connection")
        self.rest += data

    def send(self, payload, kind=TEXT):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        head = bytes([0x80 | kind])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        else:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(data))
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))
        with self.lock:
            self.stream.sendall(head + mask + masked)

    def receive(self):
        """The next text; pings are answered on the way. None at the end."""
        while True:
            first, second = self._take(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._take(8))
            data = self._take(length)
            kind = first & 0x0F
            if kind == PING:
                self.send(data, PONG)
            elif kind == CLOSE:
                return None
            elif kind == TEXT:
                return json.loads(data)


class Worker:
    def __init__(self, url, token, worker_id):
        self.http = Http(url, token)
        self.id = worker_id
        self.tasks = ["old_echo", "old_slow"]
        self.cancelled = threading.Event()
        self.socket = Socket(url, "/_worker/ws", token)
        tell("socket", status=self.socket.status, accepted=self.socket.accepted)

    def register(self):
        status, body = self.http.send(
            "POST",
            "/_worker/workers/register",
            {
                "worker_id": self.id,
                "worker_type": "old-cpu",
                "supported_tasks": self.tasks,
                "max_concurrent_tasks": 1,
                "resources": {"cpu_cores": 4, "gpu_info": None},
                "installed_models": [],
                "hostname": "here",
                "ip_address": "127.0.0.1",
            },
        )
        tell("registered", status=status, body=body)

    def heartbeat(self, path="", **fields):
        status, body = self.http.send("PATCH", f"/_worker/workers/{self.id}{path}", fields or None)
        tell("heartbeat", path=path, sent=fields, status=status, body=body)

    def listen(self):
        try:
            while True:
                message = self.socket.receive()
                if message is None:
                    return
                tell("message", body=message)
                if message.get("type") == "cancel_task":
                    self.cancelled.set()
        except (EOFError, OSError):
            return

    def finish(self, task, result):
        body = {"job_id": task["job_id"], "task_id": task["task_id"], "worker_id": self.id, "result": result}
        status, answer = self.http.send("POST", "/_worker/tasks/result", body)
        tell("result", sent=body, status=status, body=answer)
        return body

    def work(self, task):
        self.heartbeat(load=1, status="busy", supported_tasks=[])
        if task["type"] == "old_echo":
            body = self.finish(task, {"status": "success", "data": {"echo": task["params"]["text"]}})
            status, answer = self.http.send("POST", "/_worker/tasks/result", body)
            tell("result again", status=status, body=answer)
        else:
            progress = {"task_id": task["task_id"], "job_id": task["job_id"], "progress": 0.25, "message": "a quarter"}
            self.socket.send({"type": "progress_update", **progress})
            stopped = self.cancelled.wait(timeout=30)
            self.finish(task, {"status": "cancelled"} if stopped else {"status": "success"})
        self.heartbeat(load=0, status="idle", supported_tasks=self.tasks)

    def run(self, count):
        self.heartbeat(load=0)
        self.register()
        threading.Thread(target=self.listen, daemon=True).start()
        self.heartbeat(load=0, status="idle", supported_tasks=self.tasks, hot_cache=["model-a"])
        self.heartbeat(path="/status", cost_per_second=0.5)
        self.heartbeat()
        done = 0
        while done < count:
            status, task = self.http.send("GET", f"/_worker/workers/{self.id}/tasks/next")
            if status == 204:
                continue
            tell("task", status=status, body=task)
            self.work(task)
            done += 1
        self.socket.send(struct.pack(">H", 1000), CLOSE)
        tell("done")


if __name__ == "__main__":
    Worker(sys.argv[1], sys.argv[2], sys.argv[3]).run(int(sys.argv[4]))
