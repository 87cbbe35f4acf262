"""agent_loop.py -- the loop of an agent that is written in Python: see agent.py for what it is asked."""
import json
import sys
import traceback


def serve(operations):
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = operations[request.pop("op")](**request)
        except Exception as error:  # told to the one who asked
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
