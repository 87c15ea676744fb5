"""The exercise name-not-path, solved in Python: a session is filed under its token."""

import asyncio
import os
import secrets
import struct
import zlib

OPEN, OPENED, RESUME, DATA, ACK, CLOSE, RESET = range(1, 8)
NO_SESSION, UNKNOWN, DIGEST = 1, 2, 5
WINDOW = 4096

sessions = {}


class Session:
    def __init__(self, number, first):
        self.number, self.token, self.next, self.digest = number, secrets.token_bytes(16), first, 0


async def serve(reader, writer):
    session = None

    def say(kind, code=0, body=b""):
        writer.write(struct.pack(">BBH", 0x10 | kind, code, len(body)) + body)

    def acknowledge(code):
        say(ACK, code, struct.pack(">III", session.next, WINDOW, session.digest))

    try:
        while True:
            first, _code, length = struct.unpack(">BBH", await reader.readexactly(4))
            body = await reader.readexactly(length)
            kind = first & 15
            if kind == OPEN:
                session = Session(len(sessions) + 1, *struct.unpack(">I", body))
                sessions[session.token] = session
                say(OPENED, 0, struct.pack(">I", session.number) + session.token + struct.pack(">II", session.next, WINDOW))
            elif kind == RESUME:
                known = sessions.get(body[4:])
                if known is None or known.number != struct.unpack(">I", body[:4])[0]:
                    say(RESET, UNKNOWN)
                    break
                session = known
                acknowledge(0)
            elif session is None:
                say(RESET, NO_SESSION)
                break
            elif kind == DATA:
                payload = body[4:]
                is_next = struct.unpack(">I", body[:4])[0] == session.next
                if is_next:
                    session.digest = zlib.crc32(payload, session.digest)
                    session.next = (session.next + len(payload)) & 0xFFFFFFFF
                acknowledge(0 if is_next else 2)
            elif kind == CLOSE:
                end, digest = struct.unpack(">II", body)
                if digest != session.digest:
                    say(RESET, DIGEST)
                    break
                if end == session.next:
                    say(CLOSE, 0, body)
                else:
                    acknowledge(2)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, os.environ["HOST"], int(os.environ["PORT"]))
    await server.serve_forever()


asyncio.run(main())
