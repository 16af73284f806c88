"""Opens a tunnel through the proxy at 127.0.0.1:PORT to a peer that echoes, and sends each line of
its input through it. tunnel.py PORT"""
import socket
import sys

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
stream.sendall(b"CONNECT echo.good.example:9999 HTTP/1.1\r\nHost: echo.good.example:9999\r\n\r\n")
lines = stream.makefile("rb")
print("tunnel:", lines.readline().decode().strip(), flush=True)
lines.readline()
for line in sys.stdin:
    stream.sendall(line.encode())
    print("echo:", lines.readline().decode().strip() or "the tunnel is gone", flush=True)
