"""Ten thousand clients connect to the proxy, say half a request and nothing more; then one asks in
earnest while they all wait. crowd.py URL prints how many there were and the answer."""
import os
import socket
import subprocess
import sys

EACH, TIMES = 2000, 5
opened_read, opened_write = os.pipe()
go_read, go_write = os.pipe()
for _ in range(TIMES):
    if os.fork() == 0:
        os.close(go_write)
        crowd, count = [], 0
        for _ in range(EACH):
            try:
                crowd.append(socket.create_connection(("127.0.0.1", 8118)))
                count += 1
                crowd[-1].sendall(b"CONNECT web.go")
            except (ConnectionResetError, BrokenPipeError):
                pass  # sent away: the crowd may not take all places
        os.write(opened_write, b"%5d" % count)
        os.read(go_read, 1)  # until our parent has its answer
        os._exit(0)
os.close(go_read)
print(sum(int(os.read(opened_read, 5)) for _ in range(TIMES)), flush=True)
subprocess.run(["curl", "-sSf", "--max-time", "20", sys.argv[1]], check=True)
