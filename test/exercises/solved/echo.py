"""The exercise echo, solved in Python."""

import os
import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    payload, sender = server.recvfrom(65535)
    server.sendto(payload, sender)
