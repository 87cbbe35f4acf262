"""agent.py -- talks to a client's agent: a small program, written with that client, that carries out one
JSON request a line and answers each with one line of JSON.

  {"op": "produce", "topic": T, "acks": "0"|"1"|"all", "codec": C, "records": [{"p", "k", "v", "h", "t"}]}
      -> {"results": [{"p": partition, "o": offset} | {"error": NAME}]}   (p null: the partitioner's choice)
  {"op": "consume", "topics": {T: [count of partition 0, ...]}, "timeout_ms": N}
      -> {"records": {T: [{"p", "o", "k", "v", "h", "t"}]}, "ends": {T: [end offset, ...]}}
  {"op": "group", "group": G, "topic": T, "count": N, "timeout_ms": N}
      -> {"values": [...]}   (joins the group, reads N records, commits, and leaves)
  {"op": "member", "group": G, "topic": T, "out": FILE, "until": FILE}
      -> {}   (a member until that file is there; appends "partition offset value" to the other one for each record, then commits)
      Both with "protocol": "consumer" where the client has it (KIP-848); without it, the classic protocol.

Keys, values and the values of headers are null or base64.
"""
import base64
import json
import queue
import subprocess
import threading


class Agent:
    def __init__(self, command, environment, log):
        self.log = open(log, "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, env=environment, text=True)
        self.answers = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")

    def ask(self, seconds=60, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.answers.get(timeout=seconds)
        if not line:
            raise RuntimeError(f"the agent ended; see {self.log.name}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def pack(data):
    return None if data is None else base64.b64encode(data).decode()


def unpack(text):
    return None if text is None else base64.b64decode(text)
